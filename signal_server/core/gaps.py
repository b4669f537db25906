"""How many bars may be missing from a stretch of history that something rests on."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MISSING_SHARE = 0.1
MISSING_BARS = 5
RECENT_BARS = 60
"""Holes count more when they are new: the newest bars must be whole by themselves."""

_SECOND_NS = 1_000_000_000


def missing_allowed(have: int) -> float:
    """Return how many bars may be missing beside `have` present ones.

    Vendors send no bar for an interval without trades, so a tenth and five may be missing.
    """
    return MISSING_SHARE * have + MISSING_BARS


def whole_before(close_times: pd.DatetimeIndex, have: int, bar_seconds: int) -> NDArray[np.bool_]:
    """Tell for each bar whether few enough are missing among the newest `have`, its own included.

    The same must hold of the newest 60 of them. False for the bars that have fewer before them.
    """
    seconds = _seconds(close_times)
    recent = min(have, RECENT_BARS)
    return _few_missing(seconds, have, bar_seconds) & _few_missing(seconds, recent, bar_seconds)


def _few_missing(seconds: NDArray[np.int64], have: int, bar_seconds: int) -> NDArray[np.bool_]:
    whole = np.zeros(len(seconds), dtype=np.bool_)
    if len(seconds) >= have:
        expected = (seconds[have - 1 :] - seconds[: len(seconds) - have + 1]) // bar_seconds + 1
        whole[have - 1 :] = expected - have <= missing_allowed(have)
    return whole


def whole_after(
    close_times: pd.DatetimeIndex, horizon_s: int, bar_seconds: int
) -> NDArray[np.bool_]:
    """Tell for each bar whether few enough are missing within the horizon that follows it."""
    seconds = _seconds(close_times)
    have = seconds.searchsorted(seconds + horizon_s, side="right") - np.arange(1, len(seconds) + 1)
    missing = horizon_s // bar_seconds - have
    return np.asarray(missing <= MISSING_SHARE * have + MISSING_BARS, dtype=np.bool_)


def _seconds(close_times: pd.DatetimeIndex) -> NDArray[np.int64]:
    return np.asarray(close_times.as_unit("ns").asi8 // _SECOND_NS, dtype=np.int64)
