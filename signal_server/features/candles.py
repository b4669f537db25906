"""Candles of several minutes, aligned to the clock, of final bars only.

A candle ends when a bar closes at its end or later: what it holds is then final. In an interval
without bars there is no candle. Closes are seconds since the epoch, UTC.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Seconds = NDArray[np.int64]

_SECOND_NS = 1_000_000_000

CANDLE_COLUMNS = ("open", "high", "low", "close", "volume", "transactions")


def close_seconds(closes: pd.DatetimeIndex) -> Seconds:
    """Return the closes as seconds since the epoch."""
    return np.asarray(closes.as_unit("ns").asi8 // _SECOND_NS, dtype=np.int64)


def candle_number(closes: Seconds, minutes: int) -> Seconds:
    """Return the number, by the clock, of the candle that each bar belongs to."""
    return (closes - 1) // (minutes * 60)


def ends_candle(closes: Seconds, minutes: int) -> NDArray[np.bool_]:
    """Tell whether each bar closes with its candle, so that it ends it by itself."""
    return np.equal(closes % (minutes * 60), 0)


def candles_of(bars: pd.DataFrame, minutes: int) -> pd.DataFrame:
    """Return the candles of a bar frame, the first and the last possibly unfinished.

    The index is each candle's nominal close; `vwap` is left out.
    """
    if not len(bars):
        return bars[list(CANDLE_COLUMNS)]
    numbers = candle_number(close_seconds(pd.DatetimeIndex(bars.index)), minutes)
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(starts[1:], len(bars)) - 1
    columns = {name: bars[name].to_numpy(np.float64) for name in CANDLE_COLUMNS}
    closes = pd.to_datetime((numbers[starts] + 1) * minutes * 60, unit="s", utc=True)
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


def finished_at(closes: Seconds, minutes: int) -> Seconds:
    """Return at each bar the position of the newest finished candle; -1 before the first."""
    if not len(closes):
        return closes
    numbers = candle_number(closes, minutes)
    position = np.cumsum(np.diff(numbers, prepend=numbers[0] - 1) != 0) - 1
    return position - ~ends_candle(closes, minutes)
