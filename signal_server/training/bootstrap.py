"""Intervals for means of rows that overlap in time: a bootstrap over blocks of time."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DRAWS = 2000
COVERAGE = 0.95
HORIZONS_PER_BLOCK = 5
MIN_BLOCKS = 20
MAX_BLOCKS = 1000


@dataclass(frozen=True, slots=True)
class Interval:
    """A 95% interval, both ends included."""

    low: float
    high: float

    def contains(self, value: float) -> bool:
        """Return whether `value` lies inside, ends included."""
        return self.low <= value <= self.high


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
    """Return the 95% percentile interval of the mean of `values` under resampled blocks."""
    count = int(blocks.max()) + 1
    sums = np.bincount(blocks, weights=values, minlength=count)
    sizes = np.bincount(blocks, minlength=count)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=DRAWS)
    means = (draws @ sums) / (draws @ sizes)
    tail = (1 - COVERAGE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(low), float(high))


def _seconds(time: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(time.as_unit("s").asi8, dtype=np.int64)
