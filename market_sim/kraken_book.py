"""An order book that follows a price: a few levels a side, on a grid, with seeded sizes."""

import zlib
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from market_sim.kraken_pairs import Pair

LEVELS = 25
_GRID_BPS = Decimal("0.5")
_LEVEL_QUOTE = (4_000, 20_000)
"""Smallest and largest size of a level, in quote currency."""


@dataclass(slots=True)
class Book:
    """Price levels of one pair: size in base units by price; `thin` shares every size."""

    pair: Pair
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)
    thin: Decimal = Decimal(1)

    def follow(self, price: float) -> "BookChange":
        """Lay the levels around `price`; return what changed."""
        grid = max(self.pair.tick, self._quantize(Decimal(str(price)) * _GRID_BPS / 10_000))
        below = int(Decimal(str(price)) / grid)
        bids = {(below - k) * grid for k in range(LEVELS)}
        asks = {(below + 1 + k) * grid for k in range(LEVELS)}
        return BookChange(
            bids=_replace(self.bids, {p: self._size(p) for p in bids if p > 0}),
            asks=_replace(self.asks, {p: self._size(p) for p in asks}),
        )

    def take(self, *, buy: bool, size: Decimal, limit: Decimal | None) -> list["Take"]:
        """Remove up to `size` from the other side, best price first, no worse than `limit`."""
        side = self.asks if buy else self.bids
        taken: list[Take] = []
        for price in sorted(side, reverse=not buy):
            worse = limit is not None and (price > limit if buy else price < limit)
            if worse or size <= 0:
                break
            part = min(size, side[price])
            taken.append(Take(price, part))
            size -= part
            side[price] -= part
            if side[price] == 0:
                del side[price]
        return taken

    def crosses(self, *, buy: bool, limit: Decimal) -> bool:
        """Tell whether a limit order at this price would trade at once."""
        if buy:
            return bool(self.asks) and limit >= min(self.asks)
        return bool(self.bids) and limit <= max(self.bids)

    def best(self) -> tuple[Decimal, Decimal]:
        """Return the best bid and ask."""
        return max(self.bids), min(self.asks)

    def checksum(self) -> int:
        """Return Kraken's CRC32 over the ten best asks, then the ten best bids."""
        asks = sorted(self.asks.items())[:10]
        bids = sorted(self.bids.items(), reverse=True)[:10]
        text = "".join(self._digits(price, size) for price, size in asks + bids)
        return zlib.crc32(text.encode())

    def price_text(self, price: Decimal) -> str:
        """Return a price as the wire has it."""
        return f"{price:.{self.pair.price_decimals}f}"

    def _digits(self, price: Decimal, size: Decimal) -> str:
        parts = (self.price_text(price), f"{size:.8f}")
        return "".join(part.replace(".", "").lstrip("0") for part in parts)

    def _quantize(self, value: Decimal) -> Decimal:
        return value.quantize(self.pair.tick, rounding=ROUND_HALF_UP)

    def _size(self, price: Decimal) -> Decimal:
        """Return the size at a price: always the same there, so that levels do not flicker."""
        low, high = _LEVEL_QUOTE
        part = Decimal(zlib.crc32(str(price).encode()) % 1000) / 1000
        quote = (low + (high - low) * part) * self.thin
        return max((quote / price).quantize(self.pair.lot), self.pair.lot)


@dataclass(frozen=True, slots=True)
class Take:
    """A part of an order that traded, at a level's price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class BookChange:
    """New sizes by price on each side; 0 deletes a level."""

    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]


def _replace(
    side: dict[Decimal, Decimal], wanted: dict[Decimal, Decimal]
) -> dict[Decimal, Decimal]:
    changes = {price: Decimal(0) for price in side if price not in wanted}
    changes |= {price: size for price, size in wanted.items() if side.get(price) != size}
    side.clear()
    side.update(wanted)
    return changes
