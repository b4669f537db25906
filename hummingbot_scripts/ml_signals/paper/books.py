"""Hummingbot's order books, which hold doubles, as exact levels that can be believed."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ..kraken.prices import Source, TrustedPrice
from .matching import Level, Market
from .pairs import Pair


def market_of(book: Any, pair: Pair, trusted: TrustedPrice | None) -> Market:
    """Return a pair's market from Hummingbot's `OrderBook`.

    Without a price that can be trusted it is empty, and nothing trades. When only Kraken's
    answers by REST can be trusted, the book keeps its depth but is moved to their prices.
    """
    last = _last(book, pair)
    if trusted is None:
        return Market(last=last)
    asks, bids = _levels(book.ask_entries(), pair), _levels(book.bid_entries(), pair)
    if trusted.source is Source.BOOK:
        return Market(asks, bids, last)
    return Market(_moved(asks, trusted.ask), _moved(bids, trusted.bid), trusted.mid)


def _levels(rows: Iterable[Any], pair: Pair) -> list[Level]:
    levels = (
        Level(_exact(row.price, pair.price_decimals), _size(row.amount, pair), row.update_id)
        for row in rows
    )
    return [level for level in levels if level.size > 0]


def _moved(levels: list[Level], best: Decimal) -> list[Level]:
    if not levels:
        return []
    step = best - levels[0].price
    moved = [replace(level, price=level.price + step) for level in levels]
    return [level for level in moved if level.price > 0]


def _last(book: Any, pair: Pair) -> Decimal | None:
    price = book.last_trade_price
    return _exact(price, pair.price_decimals) if price == price and price > 0 else None


def _exact(value: float, decimals: int) -> Decimal:
    """Return the decimal that a double was read from."""
    return Decimal(f"{value:.{decimals}f}")


def _size(value: float, pair: Pair) -> Decimal:
    return _exact(value, pair.lot_decimals)
