"""What the bot and the server say happened: the bot's journal and the server's trade log."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from signal_server.journal.journal import Journal


@dataclass(frozen=True, slots=True)
class SaidFill:
    """A fill in the bot's journal."""

    trade_id: str
    price: Decimal
    amount: Decimal
    fee: Decimal
    cost: Decimal | None


@dataclass(frozen=True, slots=True)
class SaidOrder:
    """An order in the bot's journal."""

    order_id: str
    position_id: str
    symbol: str
    side: str
    role: str
    status: str
    txid: str | None
    fills: tuple[SaidFill, ...]

    @property
    def filled(self) -> Decimal:
        """What its fills sum up to, in base currency."""
        return sum((fill.amount for fill in self.fills), Decimal(0))


@dataclass(frozen=True, slots=True)
class SaidPosition:
    """A position in the bot's journal; `plan` is what its executor was told."""

    position_id: str
    symbol: str
    signal_id: int
    state: str
    reason: str | None
    opened_at: datetime
    pnl: Decimal | None
    plan: dict[str, Any]

    @property
    def done(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state == "CLOSED"


@dataclass(frozen=True, slots=True)
class LoggedOrder:
    """An order in the server's log; Decimals exact, None where unknown."""

    order_id: str
    position_id: str
    symbol: str
    status: str
    is_exit: bool
    amount: Decimal | None
    fees: Decimal | None
    pnl: Decimal | None
    filled: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """Both accounts; `waiting` events have not reached the server yet."""

    positions: tuple[SaidPosition, ...] = ()
    orders: tuple[SaidOrder, ...] = ()
    logged: tuple[LoggedOrder, ...] = ()
    waiting: int = 0
    differences: tuple[str, ...] = ()
    halts: tuple[str, ...] = ()

    def of(self, symbol: str) -> list[SaidPosition]:
        """Return a coin's positions, oldest first."""
        return [position for position in self.positions if position.symbol == symbol]

    def only(self, symbol: str) -> "Evidence":
        """Return what concerns one coin."""
        return replace(
            self,
            positions=tuple(self.of(symbol)),
            orders=tuple(order for order in self.orders if order.symbol == symbol),
            logged=tuple(order for order in self.logged if order.symbol == symbol),
        )

    def orders_of(self, position_id: str) -> list[SaidOrder]:
        """Return a position's orders as they were sent."""
        return [order for order in self.orders if order.position_id == position_id]


def read_evidence(path: Path, log: Journal) -> Evidence:
    """Read the journal at `path`, if it is there already, and the server's `log`."""
    logged = tuple(_logged(row) for row in log.query("SELECT * FROM hummingbot_trades ORDER BY id"))
    if not path.exists():
        return Evidence(logged=logged)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        if db.execute("PRAGMA user_version").fetchone()[0] < 2:
            return Evidence(logged=logged)
        return Evidence(
            positions=tuple(
                map(_position, db.execute("SELECT * FROM positions ORDER BY rowid").fetchall())
            ),
            orders=_orders(db),
            logged=logged,
            waiting=db.execute(
                "SELECT count(*) FROM outbox WHERE acknowledged_at IS NULL"
            ).fetchone()[0],
            differences=_texts(
                db, "SELECT kind || ' ' || symbol || ': ' || words FROM differences"
            ),
            halts=_texts(db, "SELECT kind || ': ' || why FROM halts"),
        )


def _texts(db: sqlite3.Connection, sql: str) -> tuple[str, ...]:
    return tuple(row[0] for row in db.execute(sql))


def _orders(db: sqlite3.Connection) -> tuple[SaidOrder, ...]:
    fills: dict[str, list[SaidFill]] = {}
    for row in db.execute("SELECT * FROM fills ORDER BY rowid"):
        fills.setdefault(row["order_id"], []).append(
            SaidFill(
                trade_id=row["trade_id"],
                price=Decimal(row["price"]),
                amount=Decimal(row["amount"]),
                fee=Decimal(row["fee_quote"]),
                cost=None if row["cost_quote"] is None else Decimal(row["cost_quote"]),
            )
        )
    return tuple(
        SaidOrder(
            order_id=row["order_id"],
            position_id=row["position_id"],
            symbol=row["symbol"],
            side=row["side"],
            role=row["role"],
            status=row["status"],
            txid=row["txid"],
            fills=tuple(fills.get(row["order_id"], ())),
        )
        for row in db.execute("SELECT * FROM orders ORDER BY rowid")
    )


def _position(row: Any) -> SaidPosition:
    return SaidPosition(
        position_id=row["position_id"],
        symbol=row["symbol"],
        signal_id=row["signal_id"],
        state=row["state"],
        reason=row["exit_reason"],
        opened_at=datetime.fromisoformat(row["opened_at"]),
        pnl=None if row["pnl_quote"] is None else Decimal(row["pnl_quote"]),
        plan=json.loads(row["plan"] or "{}"),
    )


def _logged(row: dict[str, Any]) -> LoggedOrder:
    return LoggedOrder(
        order_id=row["order_id"],
        position_id=row["position_id"],
        symbol=row["symbol"],
        status=row["status"],
        is_exit=bool(row["is_exit"]),
        amount=_exact(row["exact_amount"]),
        fees=_exact(row["exact_fees"]),
        pnl=_exact(row["exact_pnl"]),
        filled=row["filled_at"] is not None,
    )


def _exact(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
