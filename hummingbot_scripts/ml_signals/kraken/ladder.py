"""One symbol's book as Kraken streams it, in its own digits and proved by its checksum."""

import heapq
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

CHECKED_LEVELS = 10
DEPTH = 100

Rows = list[tuple[str, str]]
"""Price and size as text; size 0 deletes the level."""


class BrokenBookError(ValueError):
    """The book is not what Kraken has; only a new snapshot helps."""


@dataclass(frozen=True, slots=True)
class BookChange:
    """What a message does to a book: rows to set or delete, or a whole new book."""

    asks: Rows
    bids: Rows
    whole: bool


@dataclass(frozen=True, slots=True)
class Best:
    """The best prices of a book with two sides, in quote currency."""

    bid: Decimal
    ask: Decimal

    @property
    def mid(self) -> Decimal:
        """Halfway between them."""
        return (self.bid + self.ask) / 2


class Ladder:
    """Prices and sizes of both sides, at most `DEPTH` levels each."""

    def __init__(self) -> None:
        """Begin without a book; the first message must be a snapshot."""
        self._asks: dict[Decimal, tuple[str, str]] = {}
        self._bids: dict[Decimal, tuple[str, str]] = {}
        self.has_snapshot = False

    @property
    def best(self) -> Best | None:
        """The best prices; None without two sides or when they cross."""
        if not self._asks or not self._bids:
            return None
        bid, ask = max(self._bids), min(self._asks)
        return Best(bid, ask) if bid < ask else None

    def apply(self, message: Sequence[Any]) -> BookChange:
        """Take one message of the book channel and return what it changed, cut to the depth.

        The parts of a two-sided update come as two objects. Raises `BrokenBookError` when the
        checksum does not hold, the book is crossed, or an update comes before the snapshot.
        """
        parts = [part for part in message[1:-2] if isinstance(part, Mapping)]
        if any("as" in part or "bs" in part for part in parts):
            return self._replace(parts)
        if not self.has_snapshot:
            raise BrokenBookError("an update before the snapshot")
        change = BookChange(
            asks=_set(self._asks, _rows(parts, "a")) + _cut(self._asks, keep_lowest=True),
            bids=_set(self._bids, _rows(parts, "b")) + _cut(self._bids, keep_lowest=False),
            whole=False,
        )
        self._verify(parts)
        return change

    def checksum(self) -> int:
        """Return Kraken's CRC32 over the best ten asks, then bids: price and size without dots."""
        asks = heapq.nsmallest(CHECKED_LEVELS, self._asks)
        bids = heapq.nlargest(CHECKED_LEVELS, self._bids)
        levels = [self._asks[price] for price in asks] + [self._bids[price] for price in bids]
        text = "".join(_digits(price) + _digits(size) for price, size in levels)
        return zlib.crc32(text.encode())

    def _replace(self, parts: Sequence[Mapping[str, Any]]) -> BookChange:
        self._asks.clear()
        self._bids.clear()
        asks, bids = _rows(parts, "as"), _rows(parts, "bs")
        _set(self._asks, asks)
        _set(self._bids, bids)
        self.has_snapshot = True
        return BookChange(asks, bids, whole=True)

    def _verify(self, parts: Sequence[Mapping[str, Any]]) -> None:
        wanted = next((part["c"] for part in reversed(parts) if "c" in part), None)
        if wanted is not None and int(wanted) != self.checksum():
            self.has_snapshot = False
            raise BrokenBookError(f"its checksum is {self.checksum()}, Kraken's {wanted}")
        if self._asks and self._bids and self.best is None:
            self.has_snapshot = False
            raise BrokenBookError("its sides cross")


def _rows(parts: Sequence[Mapping[str, Any]], key: str) -> Rows:
    return [(str(row[0]), str(row[1])) for part in parts for row in part.get(key, ())]


def _set(side: dict[Decimal, tuple[str, str]], rows: Rows) -> Rows:
    for price, size in rows:
        if Decimal(size):
            side[Decimal(price)] = (price, size)
        else:
            side.pop(Decimal(price), None)
    return rows


def _cut(side: dict[Decimal, tuple[str, str]], *, keep_lowest: bool) -> Rows:
    """Delete what lies beyond the depth, where Kraken sends no more updates."""
    extra = len(side) - DEPTH
    if extra <= 0:
        return []
    worst = heapq.nlargest(extra, side) if keep_lowest else heapq.nsmallest(extra, side)
    return [(side.pop(price)[0], "0") for price in worst]


def _digits(number: str) -> str:
    return number.replace(".", "").lstrip("0")
