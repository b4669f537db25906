"""Bars as plain arrays, and the candles of several minutes that they make.

Candles are aligned to the clock and hold final bars only: a candle ends when a bar closes at its
end or later. In an interval without bars there is no candle. Closes are seconds since the epoch,
UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.features.windows import Array

Seconds = NDArray[np.int64]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

BAR_ARRAYS = ("open", "high", "low", "close", "volume", "transactions")


@dataclass(frozen=True, slots=True)
class BarArrays:
    """One symbol's bars: their closes and columns, oldest first, `vwap` left out."""

    closes: Seconds
    columns: Mapping[str, Array]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Take a bar frame."""
        index = pd.DatetimeIndex(frame.index)
        closes = index.asi8 // _PER_SECOND[index.unit]
        columns = {
            name: np.ascontiguousarray(frame[name].to_numpy(dtype=np.float64))
            for name in BAR_ARRAYS
        }
        return cls(np.asarray(closes, dtype=np.int64), columns)

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.closes)

    def __getitem__(self, part: slice) -> "BarArrays":
        """Return a stretch of the bars."""
        columns = {name: column[part] for name, column in self.columns.items()}
        return BarArrays(self.closes[part], columns)

    def candles(self, minutes: int) -> "BarArrays":
        """Return the candles, the first and the last possibly unfinished; closes are nominal."""
        if not len(self):
            return self
        numbers = candle_number(self.closes, minutes)
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        ends = np.append(starts[1:], len(self)) - 1
        columns = {
            "open": self.columns["open"][starts],
            "high": np.maximum.reduceat(self.columns["high"], starts),
            "low": np.minimum.reduceat(self.columns["low"], starts),
            "close": self.columns["close"][ends],
            "volume": np.add.reduceat(self.columns["volume"], starts),
            "transactions": np.add.reduceat(self.columns["transactions"], starts),
        }
        return BarArrays((numbers[starts] + 1) * minutes * 60, columns)


def candle_number(closes: Seconds, minutes: int) -> Seconds:
    """Return the number, by the clock, of the candle that each bar belongs to."""
    return (closes - 1) // (minutes * 60)


def ends_candle(closes: Seconds, minutes: int) -> NDArray[np.bool_]:
    """Tell whether each bar closes with its candle, so that it ends it by itself."""
    return np.equal(closes % (minutes * 60), 0)


def finished_at(closes: Seconds, minutes: int) -> Seconds:
    """Return at each bar the position of the newest finished candle; -1 before the first."""
    if not len(closes):
        return closes
    numbers = candle_number(closes, minutes)
    position = np.cumsum(np.diff(numbers, prepend=numbers[0] - 1) != 0) - 1
    return position - ~ends_candle(closes, minutes)
