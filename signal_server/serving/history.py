"""The newest bars of one symbol, as many as a prediction needs."""

from datetime import timedelta

import pandas as pd

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.gaps import RECENT_BARS, missing_allowed


class BarTail:
    """A bar frame that grows, mostly at its end, and forgets at its start."""

    def __init__(self, stored: pd.DataFrame, length: int, bar_seconds: int) -> None:
        self._length = length
        self._bar_seconds = bar_seconds
        self._frame = stored.loc[:, list(BAR_COLUMNS)].iloc[-length:]

    @property
    def frame(self) -> pd.DataFrame:
        """The bar frame, `length` rows at most."""
        return self._frame

    def append(self, bar: Bar) -> bool:
        """Add a bar; return whether it is the newest.

        A late one, of a hole that was repaired, takes its place; one that is there already stays
        as it was first seen, as in the bar store.
        """
        close_time = pd.Timestamp(bar.close_time)
        newest = not len(self._frame) or close_time > self._frame.index[-1]
        if newest or close_time not in self._frame.index:
            grown = pd.concat([part for part in (self._frame, _row(bar)) if len(part)])
            self._frame = (grown if newest else grown.sort_index()).iloc[-self._length :]
        return newest

    def problem(self) -> str:
        """Say why the bars do not suffice for a prediction; empty if they do.

        Vendors send no bar for an interval without trades, so a few may be missing.
        """
        have = len(self._frame)
        if have < self._length:
            return f"{have} of {self._length} bars of history; backfill, or wait"
        return self._hole(have) or self._hole(min(have, RECENT_BARS))

    def _hole(self, count: int) -> str:
        span = self._frame.index[-1] - self._frame.index[-count]
        missing = span // timedelta(seconds=self._bar_seconds) + 1 - count
        if missing > missing_allowed(count):
            return f"{missing} bars are missing among the last {count}; backfill, or wait"
        return ""


def _row(bar: Bar) -> pd.DataFrame:
    values = [[float(getattr(bar, name)) for name in BAR_COLUMNS]]
    index = pd.DatetimeIndex([bar.close_time], name="close_time")
    return pd.DataFrame(values, index=index, columns=list(BAR_COLUMNS))
