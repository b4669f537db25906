"""The paper account's SQLite file: balances, orders and trades, every change in one transaction."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from ..trades import OrderSide
from .orders import Change, Kind, PaperOrder, PaperTrade, Status, Wanted

_MIGRATIONS = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE balances (asset TEXT PRIMARY KEY, amount TEXT NOT NULL) STRICT;
    CREATE TABLE orders (
        txid TEXT PRIMARY KEY, symbol TEXT NOT NULL, side TEXT NOT NULL, kind TEXT NOT NULL,
        size TEXT NOT NULL, price TEXT, userref INTEGER NOT NULL, post_only INTEGER NOT NULL,
        opened_at TEXT NOT NULL, reserved TEXT NOT NULL, status TEXT NOT NULL,
        filled TEXT NOT NULL, cost TEXT NOT NULL, fee TEXT NOT NULL, rested INTEGER NOT NULL,
        triggered INTEGER NOT NULL, closed_at TEXT, reason TEXT
    ) STRICT;
    CREATE TABLE trades (
        trade_id TEXT PRIMARY KEY, txid TEXT NOT NULL REFERENCES orders, price TEXT NOT NULL,
        size TEXT NOT NULL, cost TEXT NOT NULL, fee TEXT NOT NULL, maker INTEGER NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX trades_by_order ON trades (txid);
    """,
)


@dataclass(frozen=True, slots=True)
class Saved:
    """What the file held when it was opened, oldest first; `opened_at` is None for a new one."""

    balances: dict[str, Decimal]
    orders: tuple[PaperOrder, ...]
    trades: tuple[PaperTrade, ...]
    opened_at: datetime | None


class PaperStore:
    """One writer; raises `sqlite3.Error` when the file cannot be opened, read or written."""

    def __init__(self, path: Path) -> None:
        """Open or create the file and bring its tables up to date."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def load(self) -> Saved:
        """Read everything."""
        row = self._db.execute("SELECT value FROM meta WHERE key = 'opened_at'").fetchone()
        rows = self._db.execute("SELECT asset, amount FROM balances")
        return Saved(
            balances={asset: Decimal(amount) for asset, amount in rows},
            orders=tuple(map(_order, self._db.execute("SELECT * FROM orders ORDER BY rowid"))),
            trades=tuple(map(_trade, self._db.execute("SELECT * FROM trades ORDER BY rowid"))),
            opened_at=None if row is None else datetime.fromisoformat(row[0]),
        )

    def open_account(self, at: datetime) -> None:
        """Write when the account began; its starting balances are settled then."""
        self._db.execute("INSERT INTO meta VALUES ('opened_at', ?)", (at.isoformat(),))

    def set_balances(self, balances: Mapping[str, Decimal]) -> None:
        """Write balances."""
        with self._transaction():
            self._write_balances(balances)

    def write(self, change: Change) -> None:
        """Write an order, its new trades and the balances that they moved: all or nothing."""
        with self._transaction():
            self._write_order(change.order)
            self._db.executemany(
                "INSERT INTO trades VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [_trade_row(trade) for trade in change.trades],
            )
            self._write_balances(change.balances)

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        self._db.close()

    def _write_balances(self, balances: Mapping[str, Decimal]) -> None:
        self._db.executemany(
            "INSERT INTO balances VALUES (?, ?)"
            " ON CONFLICT (asset) DO UPDATE SET amount = excluded.amount",
            [(asset, f"{amount:f}") for asset, amount in balances.items()],
        )

    def _write_order(self, order: PaperOrder) -> None:
        row = _order_row(order)
        columns = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        renewed = ", ".join(f"{name} = excluded.{name}" for name in row if name != "txid")
        self._db.execute(
            f"INSERT INTO orders ({columns}) VALUES ({places})"  # noqa: S608 (own column names)
            f" ON CONFLICT (txid) DO UPDATE SET {renewed}",
            row,
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _order_row(order: PaperOrder) -> dict[str, str | int | None]:
    wanted = order.wanted
    return {
        "txid": order.txid,
        "symbol": wanted.symbol,
        "side": wanted.side,
        "kind": wanted.kind,
        "size": f"{wanted.size:f}",
        "price": None if wanted.price is None else f"{wanted.price:f}",
        "userref": wanted.userref,
        "post_only": int(wanted.post_only),
        "opened_at": order.opened_at.isoformat(),
        "reserved": f"{order.reserved:f}",
        "status": order.status,
        "filled": f"{order.filled:f}",
        "cost": f"{order.cost:f}",
        "fee": f"{order.fee:f}",
        "rested": int(order.rested),
        "triggered": int(order.triggered),
        "closed_at": None if order.closed_at is None else order.closed_at.isoformat(),
        "reason": order.reason,
    }


def _order(row: sqlite3.Row) -> PaperOrder:
    wanted = Wanted(
        symbol=row["symbol"],
        side=OrderSide(row["side"]),
        kind=Kind(row["kind"]),
        size=Decimal(row["size"]),
        price=None if row["price"] is None else Decimal(row["price"]),
        userref=row["userref"],
        post_only=bool(row["post_only"]),
    )
    return PaperOrder(
        txid=row["txid"],
        wanted=wanted,
        opened_at=datetime.fromisoformat(row["opened_at"]),
        reserved=Decimal(row["reserved"]),
        status=Status(row["status"]),
        filled=Decimal(row["filled"]),
        cost=Decimal(row["cost"]),
        fee=Decimal(row["fee"]),
        rested=bool(row["rested"]),
        triggered=bool(row["triggered"]),
        closed_at=None if row["closed_at"] is None else datetime.fromisoformat(row["closed_at"]),
        reason=row["reason"],
    )


def _trade_row(trade: PaperTrade) -> tuple[str | int, ...]:
    return (
        trade.trade_id,
        trade.txid,
        f"{trade.price:f}",
        f"{trade.size:f}",
        f"{trade.cost:f}",
        f"{trade.fee:f}",
        int(trade.maker),
        trade.at.isoformat(),
    )


def _trade(row: sqlite3.Row) -> PaperTrade:
    return PaperTrade(
        trade_id=row["trade_id"],
        txid=row["txid"],
        price=Decimal(row["price"]),
        size=Decimal(row["size"]),
        cost=Decimal(row["cost"]),
        fee=Decimal(row["fee"]),
        maker=bool(row["maker"]),
        at=datetime.fromisoformat(row["at"]),
    )
