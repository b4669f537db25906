"""Intervals for means of rows that overlap in time: a bootstrap over blocks of time."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

DRAWS = 2000
COVERAGE = 0.95
HORIZONS_PER_BLOCK = 5
MIN_BLOCKS = 20
MAX_BLOCKS = 1000
MIN_EFFECTIVE = 2.0


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval, both ends included."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Return whether `value` lies inside, ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95% interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Resampling:
    """Rows' blocks of time, and how often each of 2,000 draws takes each block.

    `blocks` has a number for every row, from 0 up without holes; `draws` is (draws, blocks).
    All intervals of one evaluation come from the same draws.
    """

    blocks: NDArray[np.int64]
    draws: NDArray[np.float64]

    @classmethod
    def of(cls, blocks: NDArray[np.int64], seed: int) -> "Resampling":
        """Draw as many blocks as there are, with replacement."""
        return cls(blocks, _draws(int(blocks.max()) + 1, seed))

    def mean(
        self, values: NDArray[np.float64], inside: NDArray[np.bool_] | None = None
    ) -> Estimate:
        """Return the mean of `values`, of the rows `inside` if given, and its interval.

        The interval is the expanded percentile interval (Hesterberg, 2015, section 4.3): few
        blocks make the plain one too narrow. Where the rows lie in fewer than two blocks' worth,
        it spans all values seen. Needs at least one row.
        """
        chosen = slice(None) if inside is None else np.flatnonzero(inside)
        values, blocks = values[chosen], self.blocks[chosen]
        count = self.draws.shape[1]
        sums = np.bincount(blocks, weights=values, minlength=count).astype(np.float64)
        sizes = np.bincount(blocks, minlength=count).astype(np.float64)
        value = float(sums.sum() / sizes.sum())
        effective = effective_count(sizes)
        if effective < MIN_EFFECTIVE:
            return Estimate(value, Interval(float(values.min()), float(values.max())))
        return Estimate(value, self._interval(sums, sizes, effective))

    def share(self, hits: NDArray[np.float64], inside: NDArray[np.bool_] | None = None) -> Estimate:
        """Return the mean of `hits`, each 0 or 1, and its interval as `mean` does.

        Where all rows hit or none, no draw differs from another; the interval then reaches as far
        as that of as many independent outcomes as there are blocks' worth of rows (Clopper and
        Pearson, 1934), all the way if that is fewer than two.
        """
        found = self.mean(hits, inside)
        if found.value not in {0.0, 1.0}:
            return found
        blocks = self.blocks if inside is None else self.blocks[inside]
        effective = effective_count(np.bincount(blocks).astype(np.float64))
        reach = 1.0
        if effective >= MIN_EFFECTIVE:
            reach = 1 - float(((1 - COVERAGE) / 2) ** (1 / effective))
        low, high = (0.0, reach) if found.value == 0 else (1 - reach, 1.0)
        return Estimate(found.value, Interval(low, high))

    def _interval(
        self, sums: NDArray[np.float64], sizes: NDArray[np.float64], effective: float
    ) -> Interval:
        drawn = self.draws @ sizes
        filled = drawn > 0
        means = (self.draws @ sums)[filled] / drawn[filled]
        tail = _expanded_tail(effective)
        low, high = np.quantile(means, [tail, 1 - tail])
        return Interval(float(low), float(high))


def effective_count(sizes: NDArray[np.float64]) -> float:
    """Return how many equal blocks rows are worth that lie in blocks of these sizes (Kish, 1965).

    Needs at least one row.
    """
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def independent_rows(time: pd.DatetimeIndex, horizon_s: int) -> int:
    """Count the horizon-long stretches of the clock that hold a row.

    Labels nearer than a horizon overlap, and symbols move together, so this is about how many
    independent outcomes the rows hold, whatever their number: span / horizon without gaps.
    """
    return len(np.unique(_seconds(time) // horizon_s))


def time_blocks(time: pd.DatetimeIndex, horizon_s: int) -> NDArray[np.int64]:
    """Return the number of each row's block of time, int64, from 0 up without holes.

    A block holds all symbols' rows of five horizons; more when the span would give over 1000
    blocks, fewer (but at least one horizon) when it would give under 20.
    """
    seconds = _seconds(time)
    span_s = int(seconds.max() - seconds.min())
    length_s = min(HORIZONS_PER_BLOCK * horizon_s, span_s // MIN_BLOCKS)
    length_s = max(horizon_s, length_s, span_s // MAX_BLOCKS)
    blocks = np.unique((seconds - seconds.min()) // length_s, return_inverse=True)[1]
    return np.asarray(blocks, dtype=np.int64)


def mean_interval(values: NDArray[np.float64], blocks: NDArray[np.int64], seed: int) -> Interval:
    """Return the 95% interval of the mean of `values` under resampled blocks."""
    return Resampling.of(blocks, seed).mean(values).interval


@lru_cache(maxsize=4)
def _draws(count: int, seed: int) -> NDArray[np.float64]:
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    return drawn.astype(np.float64)


def _expanded_tail(count: float) -> float:
    """Return the tail whose percentile gives a mean of `count` blocks the width of a t interval."""
    wide = stats.t.ppf((1 + COVERAGE) / 2, count - 1) * np.sqrt(count / (count - 1))
    return float(stats.norm.cdf(-wide))


def _seconds(time: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(time.as_unit("s").asi8, dtype=np.int64)
