"""Pairs, books and accounts that the tests of the paper account share."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

from hummingbot_scripts.ml_signals.paper.account import PaperAccount
from hummingbot_scripts.ml_signals.paper.matching import Fees, Level, Market
from hummingbot_scripts.ml_signals.paper.orders import Kind, Wanted
from hummingbot_scripts.ml_signals.paper.pairs import Pair, pairs_of
from hummingbot_scripts.ml_signals.paper.store import PaperStore
from hummingbot_scripts.ml_signals.trades import OrderSide

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SYMBOL = "BTC-USD"
FEES = Fees(maker=Decimal("0.0016"), taker=Decimal("0.0026"))
ASSET_PAIRS = {
    "XXBTZUSD": {
        "altname": "XBTUSD",
        "wsname": "XBT/USD",
        "base": "XXBT",
        "quote": "ZUSD",
        "pair_decimals": 1,
        "lot_decimals": 8,
        "cost_decimals": 5,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": "0.1",
    },
    "SOLUSD": {
        "altname": "SOLUSD",
        "wsname": "SOL/USD",
        "base": "SOL",
        "quote": "ZUSD",
        "pair_decimals": 3,
        "lot_decimals": 8,
        "cost_decimals": 5,
        "ordermin": "0.02",
        "costmin": "0.5",
        "tick_size": "0.005",
    },
}
PAIRS = pairs_of(ASSET_PAIRS)
PAIR: Pair = PAIRS[SYMBOL]
_stamps: Iterator[int] = count(1)


def book(price: float | Decimal = 60_000, size: str = "0.5", levels: int = 3) -> Market:
    """Return a fresh book: levels of `size` a dollar apart, the first half a dollar away."""
    middle, stamp = Decimal(str(price)), next(_stamps)
    half = Decimal("0.5")
    asks = [Level(middle + half + n, Decimal(size), stamp) for n in range(levels)]
    bids = [Level(middle - half - n, Decimal(size), stamp) for n in range(levels)]
    return Market(asks, bids, middle)


def account_in(folder: Path, **balances: str) -> PaperAccount:
    """Return the account of a folder, seeded if it is new."""
    account = PaperAccount(PaperStore(folder / "paper.sqlite"), lambda _symbol: FEES)
    for asset, amount in balances.items():
        account.seed(asset, Decimal(amount))
    return account


def buy(size: str, price: str | None = None, *, post_only: bool = False) -> Wanted:
    return _wanted(OrderSide.BUY, size, price, post_only=post_only)


def sell(size: str, price: str | None = None, *, post_only: bool = False) -> Wanted:
    return _wanted(OrderSide.SELL, size, price, post_only=post_only)


def stop(size: str, trigger: str) -> Wanted:
    return Wanted(SYMBOL, OrderSide.SELL, Kind.STOP_LOSS, Decimal(size), Decimal(trigger), 7)


def _wanted(side: OrderSide, size: str, price: str | None, *, post_only: bool) -> Wanted:
    kind = Kind.MARKET if price is None else Kind.LIMIT
    limit = None if price is None else Decimal(price)
    return Wanted(SYMBOL, side, kind, Decimal(size), limit, 42, post_only)
