"""The batch engine: all bars of one symbol, one value a bar."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import talib
from numpy.typing import NDArray

from signal_server.core.errors import NoHistoryError
from signal_server.features.candles import BarArrays, finished_at
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array, Ladder, before, rolling_deviation

if TYPE_CHECKING:
    from signal_server.features.feature import Feature

BLOCK_BARS = 65_536
"""How many bars are computed at once at most: few enough to stay in the processor's cache."""

_WARMUPS_PER_BLOCK = 4
"""A block begins with a warm-up, which must stay a small part of it."""

THREADS = 2
"""numpy and TA-Lib let go of the interpreter's lock; more threads than that wait for memory."""

_KEPT_BYTES = 31 << 20
"""What glibc keeps of freed memory instead of giving it back, once a piece of this size, which it
takes for large, was freed. Without it half of the time goes into getting memory again."""


class BatchIndicators(Indicators):
    """Indicators over one symbol's bars; arrays are as long as the bars."""

    def __init__(
        self, bars: BarArrays, leaders: Mapping[str, BarArrays] = MappingProxyType({})
    ) -> None:
        """Take the bars, and those of the symbols that they are compared with."""
        super().__init__()
        self.bars = bars
        self._leaders = leaders
        self._others: dict[object, BatchIndicators] = {}
        self._positions: dict[str, NDArray[np.int64]] = {}
        self._ladders: dict[tuple[str, str], Ladder] = {}

    def column(self, name: str) -> Array:
        """Return the bars' column `name`."""
        return self.bars.columns[name]

    def before(self, name: str, bars: int) -> Array:
        """Return the values shifted by `bars`."""
        return self.once(("before", name, bars), lambda: before(self.named(name), bars))

    def total(self, name: str, length: int) -> Array:
        """Return the rolling sum."""
        return self.once(("total", name, length), lambda: self.sums(name).window(length))

    def maximum(self, name: str, length: int) -> Array:
        """Return the rolling maximum."""
        return self.once(("maximum", name, length), lambda: self.maxima(name).window(length))

    def deviation(self, name: str, length: int, freedom: int = 1) -> Array:
        """Return the rolling standard deviation."""
        key = ("deviation", name, length, freedom)
        return self.once(key, lambda: rolling_deviation(self.named(name), length, freedom))

    def average(self, name: str, span: int) -> Array:
        """Return the exponential average, begun with the mean of the first `span` values."""
        return self.once(("average", name, span), lambda: _average(self.named(name), span))

    def value(self, feature: "Feature") -> Array:
        """Return the feature, NaN in the first bars, within its warm-up."""

        def compute() -> Array:
            column = feature.compute(self).copy()
            column[: feature.warmup_bars - 1] = np.nan
            return column

        return self.once(("value", feature.name), compute)

    def leader(self, symbol: str, feature: "Feature") -> Array:
        """Return the leader's feature at the bars' closes; raise `NoHistoryError` without bars."""
        if symbol not in self._leaders:
            raise NoHistoryError(f"{feature.name} of {symbol} is needed; give the bars of {symbol}")
        if symbol not in self._others:
            self._others[symbol] = BatchIndicators(self._leaders[symbol])
        values = np.append(self._others[symbol].value(feature), np.nan)
        return values[self._found(symbol)]

    def candles(self, minutes: int, feature: "Feature") -> Array:
        """Return at each bar the feature of the newest candle that is finished by then."""
        if minutes not in self._others:
            self._others[minutes] = BatchIndicators(self.bars.candles(minutes))
        values = np.append(np.nan, self._others[minutes].value(feature))
        return values[finished_at(self.bars.closes, minutes) + 1]

    def phase(self, period_s: int, start_s: int = 0) -> Array:
        """Return how far each close is into its period."""
        return (self.bars.closes - start_s) % period_s / period_s

    def sums(self, name: str) -> Ladder:
        """Return the windows of sums of the array called `name`."""
        return self._ladder("add", name)

    def maxima(self, name: str) -> Ladder:
        """Return the windows of maxima of the array called `name`."""
        return self._ladder("maximum", name)

    def _ladder(self, combine: str, name: str) -> Ladder:
        key = (combine, name)
        if key not in self._ladders:
            self._ladders[key] = Ladder(getattr(np, combine), self.named(name))
        return self._ladders[key]

    def _found(self, symbol: str) -> NDArray[np.int64]:
        """Return the position of the leader's bar of each close; -1 if it has none."""
        if symbol not in self._positions:
            closes = self._leaders[symbol].closes
            at = closes.searchsorted(self.bars.closes)
            same = np.append(closes, -1)[at] == self.bars.closes
            self._positions[symbol] = np.where(same, at, -1)
        return self._positions[symbol]


def keep_freed_memory() -> None:
    """Free a large piece of memory, after which glibc keeps what is freed."""
    np.empty(_KEPT_BYTES, dtype=np.uint8)


def compute_columns(
    features: Sequence["Feature"], bars: BarArrays, leaders: Mapping[str, BarArrays]
) -> Array:
    """Return the features (features, bars), NaN within each warm-up.

    Bars are taken in blocks, each begun with the longest warm-up, which changes no value.
    """
    keep_freed_memory()
    columns = np.empty((len(features), len(bars)))
    warmup = max((feature.warmup_bars for feature in features), default=1)
    step = _block_bars(len(bars), max(BLOCK_BARS, _WARMUPS_PER_BLOCK * warmup))

    def compute(first: int) -> None:
        begin = max(first - warmup, 0)
        block = bars[begin : first + step]
        others = {symbol: _beside(block, leader, warmup) for symbol, leader in leaders.items()}
        indicators = BatchIndicators(block, others)
        with np.errstate(all="ignore"):
            for column, feature in zip(columns, features, strict=True):
                column[first : first + step] = feature.compute(indicators)[first - begin :]

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(compute, range(0, len(bars), step)))
    for column, feature in zip(columns, features, strict=True):
        column[: feature.warmup_bars - 1] = np.nan
    return columns


def _block_bars(bars: int, most: int) -> int:
    """Return the length of blocks that give each thread as many, all as long; 1 or more."""
    rounds = -(-bars // (THREADS * most))
    return max(-(-bars // (THREADS * max(rounds, 1))), min(most, BLOCK_BARS // 4), 1)


def _beside(bars: BarArrays, leader: BarArrays, warmup: int) -> BarArrays:
    """Return the leader's bars that rows of `bars` may need."""
    first, last = leader.closes.searchsorted(bars.closes[[0, -1]])
    return leader[max(first - warmup, 0) : last + 1]


def _average(values: Array, span: int) -> Array:
    if len(values) <= span:
        return np.full(len(values), np.nan)
    return np.asarray(talib.EMA(values, span), dtype=np.float64)
