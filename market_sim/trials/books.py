"""The account's own books, of the stand-in or of the paper account: what really happened."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import Order, Trade

_NAMES = {"XBT": "BTC", "XDG": "DOGE"}


@dataclass(frozen=True, slots=True)
class BookedTrade:
    """One fill; size in base, the rest in quote currency."""

    trade_id: str
    txid: str
    symbol: str
    buy: bool
    price: Decimal
    size: Decimal
    cost: Decimal
    fee: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """One order that the account has taken; `size` and `filled` in base currency."""

    txid: str
    userref: int
    symbol: str
    buy: bool
    kind: str
    size: Decimal
    filled: Decimal
    live: bool
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Books:
    """All orders and trades, oldest first, and the balances by Hummingbot's asset names."""

    orders: tuple[BookedOrder, ...] = ()
    trades: tuple[BookedTrade, ...] = ()
    balances: Mapping[str, Decimal] | None = None

    def held(self, symbol: str) -> Decimal:
        """Return what was bought less what was sold, in base currency."""
        trades = (trade for trade in self.trades if trade.symbol == symbol)
        return sum((t.size if t.buy else -t.size for t in trades), Decimal(0))

    def earned(self, symbol: str) -> Decimal:
        """Return what a coin's trades have brought in quote currency, after fees."""
        trades = (trade for trade in self.trades if trade.symbol == symbol)
        return sum(((-t.cost if t.buy else t.cost) - t.fee for t in trades), Decimal(0))

    def orders_of(self, symbol: str, *, buy: bool) -> list[BookedOrder]:
        """Return a coin's orders of one side."""
        return [order for order in self.orders if order.symbol == symbol and order.buy is buy]

    def of(self, symbol: str) -> "Books":
        """Return what concerns one coin, without the balances."""
        return Books(
            tuple(order for order in self.orders if order.symbol == symbol),
            tuple(trade for trade in self.trades if trade.symbol == symbol),
        )

    def oversold(self) -> dict[str, Decimal]:
        """Return by how much more than had been bought before was sold at the worst."""
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        worst: dict[str, Decimal] = {}
        for trade in self.trades:
            held[trade.symbol] += trade.size if trade.buy else -trade.size
            if held[trade.symbol] < 0:
                worst[trade.symbol] = max(worst.get(trade.symbol, Decimal(0)), -held[trade.symbol])
        return worst


def exchange_books(exchange: Exchange) -> Books:
    """Return the books of the stand-in's account."""
    return Books(
        tuple(_order(order) for order in exchange.orders.values()),
        tuple(_trade(trade) for trade in exchange.trades),
        {_usual(asset): amount for asset, amount in exchange.balances.items()},
    )


def paper_books(path: Path) -> Books:
    """Return the books of the bot's paper account; empty ones while there is no file."""
    if not path.exists():
        return Books()
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        db.row_factory = sqlite3.Row
        orders = tuple(map(_paper_order, db.execute("SELECT * FROM orders ORDER BY rowid")))
        rows = db.execute(
            "SELECT trades.*, orders.symbol, orders.side FROM trades"
            " JOIN orders USING (txid) ORDER BY trades.rowid"
        )
        trades = tuple(map(_paper_trade, rows))
        balances = dict(db.execute("SELECT asset, amount FROM balances").fetchall())
    return Books(orders, trades, {asset: Decimal(text) for asset, text in balances.items()})


def _order(order: Order) -> BookedOrder:
    return BookedOrder(
        txid=order.id,
        userref=order.wanted.userref,
        symbol=order.pair.symbol,
        buy=order.buy,
        kind=order.wanted.order_type.value,
        size=order.wanted.size,
        filled=order.filled,
        live=order.live,
        opened_at=order.opened_at,
        closed_at=order.closed_at,
    )


def _trade(trade: Trade) -> BookedTrade:
    return BookedTrade(
        trade_id=trade.id,
        txid=trade.order_id,
        symbol=trade.pair.symbol,
        buy=trade.wanted.buy,
        price=trade.price,
        size=trade.size,
        cost=trade.cost,
        fee=trade.fee,
        at=trade.at,
    )


def _usual(asset: str) -> str:
    """Return Hummingbot's name of an asset that Kraken calls so."""
    bare = asset[1:] if len(asset) == 4 and asset[0] in "XZ" else asset
    return _NAMES.get(bare, bare)


def _paper_order(row: Any) -> BookedOrder:
    closed = row["closed_at"]
    return BookedOrder(
        txid=row["txid"],
        userref=row["userref"],
        symbol=row["symbol"],
        buy=row["side"] == "BUY",
        kind=row["kind"],
        size=Decimal(row["size"]),
        filled=Decimal(row["filled"]),
        live=row["status"] in {"pending", "open"},
        opened_at=datetime.fromisoformat(row["opened_at"]),
        closed_at=None if closed is None else datetime.fromisoformat(closed),
    )


def _paper_trade(row: Any) -> BookedTrade:
    return BookedTrade(
        trade_id=row["trade_id"],
        txid=row["txid"],
        symbol=row["symbol"],
        buy=row["side"] == "BUY",
        price=Decimal(row["price"]),
        size=Decimal(row["size"]),
        cost=Decimal(row["cost"]),
        fee=Decimal(row["fee"]),
        at=datetime.fromisoformat(row["at"]),
    )
