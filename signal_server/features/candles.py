"""Candles of several minutes, aligned to the clock, of final bars only.

A candle ends when a bar closes at its end or later: what it holds is then final. In an interval
without bars there is no candle.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_MINUTE_NS = 60_000_000_000


def candle_number(closes_ns: NDArray[np.int64], minutes: int) -> NDArray[np.int64]:
    """Return the number, by the clock, of the candle that each bar belongs to."""
    return np.asarray((closes_ns - 1) // (minutes * _MINUTE_NS), dtype=np.int64)


def is_last(closes_ns: NDArray[np.int64], minutes: int) -> NDArray[np.bool_]:
    """Tell whether each bar closes with its candle, so that it ends it by itself."""
    return np.equal(closes_ns % (minutes * _MINUTE_NS), 0)


def candles_of(bars: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Return the candles of a bar frame, the first and the last possibly unfinished.

    The index is each candle's nominal close; `vwap` is left out.
    """
    if not len(bars):
        return bars
    closes_ns = _nanoseconds(pd.DatetimeIndex(bars.index))
    numbers = candle_number(closes_ns, minutes)
    starts = np.flatnonzero(np.append(True, np.diff(numbers)))
    ends = np.append(starts[1:], len(bars)) - 1
    columns = {name: bars[name].to_numpy(np.float64) for name in bars.columns}
    closes = pd.to_datetime((numbers[starts] + 1) * minutes * _MINUTE_NS, utc=True)
    return pd.DataFrame(
        {
            "open": columns["open"][starts],
            "high": np.maximum.reduceat(columns["high"], starts),
            "low": np.minimum.reduceat(columns["low"], starts),
            "close": columns["close"][ends],
            "volume": np.add.reduceat(columns["volume"], starts),
            "transactions": np.add.reduceat(columns["transactions"], starts),
        },
        index=pd.DatetimeIndex(closes, name="close_time"),
    )


def finished_at(closes: pd.DatetimeIndex, minutes: int) -> NDArray[np.int64]:
    """Return at each bar the position of the newest finished candle; -1 before the first."""
    closes_ns = _nanoseconds(closes)
    numbers = candle_number(closes_ns, minutes)
    position = np.cumsum(np.append(True, np.diff(numbers) != 0)[: len(numbers)]) - 1
    return np.asarray(position - ~is_last(closes_ns, minutes), dtype=np.int64)


def _nanoseconds(closes: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(closes.as_unit("ns").asi8, dtype=np.int64)
