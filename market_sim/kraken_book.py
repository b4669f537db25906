"""An order book that follows a price, and how one state of a book becomes the next."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor

from market_sim.kraken_pairs import LOT_DECIMALS, Pair

Sizes = dict[Decimal, Decimal]
"""Size in base units by price, best price first."""


@dataclass(frozen=True, slots=True)
class Take:
    """A part of an order that trades, and at what price."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class BookShape:
    """How a book looks; `level_quote` is the usual value of one level in quote currency."""

    seed: int = 0
    levels: int = 50
    level_quote: float = 10_000.0
    half_spread_bps: float = 0.5
    step_bps: float = 0.5
    churn_s: float = 10.0


_REMEMBERED = 5_000


@dataclass(frozen=True, slots=True)
class _Rung:
    """The size at a price, and for which of its changes and which share it was computed."""

    phase: float
    epoch: int
    share: float
    size: Decimal


class Book:
    """Other people's orders: a level on each rung of a price ladder, left and right of the price.

    Rungs keep their prices while the market moves, so that most levels stay as they are; each
    one's size changes every `churn_s` seconds, at its own moment. What was taken is there again
    after the next `follow`. `thin` shares every size, `thin_asks` and `thin_bids` those of one
    side: set them to make a market thin.
    """

    def __init__(self, pair: Pair, shape: BookShape | None = None) -> None:
        self.pair = pair
        self.thin = self.thin_asks = self.thin_bids = 1.0
        self.asks: Sizes = {}
        self.bids: Sizes = {}
        self._shape = shape or BookShape()
        self._rung_ticks = 0
        self._known: dict[Decimal, _Rung] = {}

    def follow(self, price: float, now_s: float = 0.0) -> None:
        """Lay the levels around `price`; `now_s` is in seconds since 1970."""
        if not self._rung_ticks:
            ticks = price * self._shape.step_bps / 1e4 * 10**self.pair.price_decimals
            self._rung_ticks = max(1, round(ticks))
        rung = self._rung_ticks / 10**self.pair.price_decimals
        half_spread = self._shape.half_spread_bps / 1e4
        # Rounded: a spread that ends on a rung must not miss it by a float's last digit.
        first_ask = ceil(round(price * (1 + half_spread) / rung, 6))
        first_bid = floor(round(price * (1 - half_spread) / rung, 6))
        levels = self._shape.levels
        asks = range(first_ask, first_ask + levels)
        bids = range(first_bid, max(first_bid - levels, 0), -1)
        self.asks = self._side(asks, now_s, self.thin * self.thin_asks)
        self.bids = self._side(bids, now_s, self.thin * self.thin_bids)

    def against(self, *, buy: bool) -> Sizes:
        """Return the levels that an order trades with, best first."""
        return self.asks if buy else self.bids

    def within(self, *, buy: bool, limit: Decimal | None) -> list[tuple[Decimal, Decimal]]:
        """Return the levels that an order trades with and that are no worse than its limit."""
        levels = list(self.against(buy=buy).items())
        if limit is None:
            return levels
        return [(p, size) for p, size in levels if (p <= limit if buy else p >= limit)]

    def take(self, *, buy: bool, price: Decimal, size: Decimal) -> None:
        """Remove what an order has traded at a level."""
        levels = self.against(buy=buy)
        levels[price] -= size
        if not levels[price]:
            del levels[price]

    def _side(self, rungs: Iterable[int], now_s: float, share: float) -> Sizes:
        decimals = self.pair.price_decimals
        prices = (Decimal(rung * self._rung_ticks).scaleb(-decimals) for rung in rungs)
        return {price: self._size(price, now_s, share) for price in prices}

    def _size(self, price: Decimal, now_s: float, share: float) -> Decimal:
        known, churns = self._known.get(price), now_s / self._shape.churn_s
        if known and (known.epoch, known.share) == (floor(churns + known.phase), share):
            return known.size
        name = f"{self._shape.seed} {self.pair.symbol} {price}"
        phase = _chance(name)
        epoch = floor(churns + phase)
        quote = self._shape.level_quote * share * (0.4 + 1.2 * _chance(f"{name} {epoch}"))
        lots = round(quote / float(price) * 10**LOT_DECIMALS)
        size = Decimal(max(1, lots)).scaleb(-LOT_DECIMALS)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[price] = _Rung(phase, epoch, share, size)
        return size


@dataclass(frozen=True, slots=True)
class Level:
    """A price, the size there (0: none), and when that last changed in seconds since 1970."""

    price: Decimal
    size: Decimal
    changed_s: float


Levels = tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class BookState:
    """A whole book at a moment, best prices first."""

    asks: Levels = ()
    bids: Levels = ()


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level to set in a client's book; `again`: it was there, too deep for the client."""

    level: Level
    again: bool = False


def evolve(old: Levels, sizes: Mapping[Decimal, Decimal], now_s: float) -> Levels:
    """Return the levels of `sizes` in their order, dated now where they differ from `old`."""
    known = {(level.price, level.size): level for level in old}
    return tuple(
        known.get((price, size)) or Level(price, size, now_s) for price, size in sizes.items()
    )


def changes(old: Levels, new: Levels, depth: int, now_s: float) -> list[LevelChange]:
    """Return what takes a client that sees `depth` levels of `old` to `new`.

    A level that only fell out of sight is not deleted: clients cut their books to their depth.
    """
    seen = {level.price: level.size for level in old[:depth]}
    hidden = {level.price for level in old[depth:]}
    kept = {level.price for level in new}
    gone = [LevelChange(Level(price, Decimal(0), now_s)) for price in seen if price not in kept]
    fresh = [
        LevelChange(level, again=level.price in hidden)
        for level in new[:depth]
        if seen.get(level.price) != level.size
    ]
    return gone + fresh


def _chance(name: str) -> float:
    """Return a number in [0, 1) that depends on the name alone."""
    return zlib.crc32(name.encode()) / 2**32
