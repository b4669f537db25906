"""The newest bars of all followed symbols, as many as the models of the line-up need."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.gaps import RECENT_BARS, missing_allowed

VOLATILITY_BARS = 60
SPARE_BARS = 60
"""Kept beside those that are needed, so that a bar can be looked at after others have followed."""
ROOM_BARS = 1024
_CLOSE = BAR_COLUMNS.index("close")


class LiveBar(Protocol):
    """A final bar and when it reached this process."""

    @property
    def bar(self) -> Bar:
        """The bar."""
        ...

    @property
    def received_at(self) -> datetime:
        """When it arrived, tz-aware UTC."""
        ...

    @property
    def repaired(self) -> bool:
        """Whether it was missed on the stream and fetched afterwards."""
        ...

    @property
    def flags(self) -> tuple[str, ...]:
        """What is odd about it; empty for most."""
        ...


@dataclass(frozen=True, slots=True)
class Intake[L: LiveBar]:
    """What became of bars that were taken in.

    `newest` were newer than their symbol's last when they came; `changed` are the symbols where
    one took its place among earlier bars; `strangers` are of symbols that are not followed.
    """

    newest: Sequence[L]
    changed: frozenset[str]
    strangers: Sequence[L]


class BarHistory:
    """Bar frames that grow, mostly at their end, and forget at their start."""

    def __init__(self, stored: Mapping[str, pd.DataFrame], bars: int, bar_seconds: int) -> None:
        """Start from the stored bar frame of each symbol to follow; keep `bars` of each."""
        self.bars = bars
        self._bar_seconds = bar_seconds
        self._tails = {symbol: _Tail(frame, bars) for symbol, frame in stored.items()}

    @property
    def symbols(self) -> tuple[str, ...]:
        """The followed symbols."""
        return tuple(self._tails)

    def take[L: LiveBar](self, lives: Iterable[L]) -> Intake[L]:
        """Add bars, given in the order of their coming.

        A late one, of a hole that was repaired, takes its place; one that is there already stays
        as it was first seen, as in the bar store.
        """
        newest, changed, strangers = [], set(), []
        for live in lives:
            tail = self._tails.get(live.bar.symbol)
            if tail is None:
                strangers.append(live)
            elif tail.push(live.bar):
                newest.append(live)
            elif tail.insert(live.bar):
                changed.add(live.bar.symbol)
        return Intake(newest, frozenset(changed), strangers)

    def lengthen(self, stored: Mapping[str, pd.DataFrame], bars: int) -> None:
        """Keep `bars` from now on, the older ones from `stored`."""
        if bars > self.bars:
            self.bars = bars
            for symbol, tail in self._tails.items():
                known = tail.frame()
                older = stored[symbol] if not len(known) else stored[symbol][: known.index[0]]
                joined = pd.concat([part for part in (older, known) if len(part)] or [known])
                self._tails[symbol] = _Tail(joined[~joined.index.duplicated(keep="last")], bars)

    def frame(self, symbol: str) -> pd.DataFrame:
        """Return the symbol's bar frame."""
        return self._tails[symbol].frame()

    def last_close(self, symbol: str) -> datetime | None:
        """Return the newest bar's close, None without bars."""
        closes = self._tails[symbol].closes
        return datetime.fromtimestamp(int(closes[-1]), UTC) if len(closes) else None

    def problem(self, symbol: str, bars: int, until: datetime) -> str:
        """Say why the newest `bars` up to `until` do not suffice; empty if they do.

        Vendors send no bar for an interval without trades, so a few may be missing.
        """
        tail = self._tails[symbol]
        closes = tail.closes[: tail.count(until)]
        if len(closes) < bars:
            return f"{len(closes)} of {bars} bars of history; backfill, or wait"
        return self._hole(closes, bars) or self._hole(closes, min(bars, RECENT_BARS))

    def volatilities(self, symbols: Sequence[str], until: datetime) -> NDArray[np.float64]:
        """Return each standard deviation of the last 60 one-bar log returns; NaN before."""
        prices = np.full((len(symbols), VOLATILITY_BARS + 1), np.nan)
        for row, symbol in zip(prices, symbols, strict=True):
            tail = self._tails[symbol]
            count = tail.count(until)
            if count > VOLATILITY_BARS:
                row[:] = tail.prices[count - VOLATILITY_BARS - 1 : count]
        found: NDArray[np.float64] = np.diff(np.log(prices)).std(axis=1, ddof=1)
        return found

    def _hole(self, closes: NDArray[np.int64], count: int) -> str:
        missing = int(closes[-1] - closes[-count]) // self._bar_seconds + 1 - count
        if missing > missing_allowed(count):
            return f"{missing} bars are missing among the last {count}; backfill, or wait"
        return ""


class _Tail:
    """The newest bars of one symbol, in arrays with room at their end."""

    def __init__(self, frame: pd.DataFrame, bars: int) -> None:
        self._kept = bars + SPARE_BARS
        self._closes = np.empty(self._kept + ROOM_BARS, dtype=np.int64)
        self._values = np.empty((self._kept + ROOM_BARS, len(BAR_COLUMNS)))
        newest = frame.iloc[-self._kept :]
        index = pd.DatetimeIndex(newest.index).as_unit("s")
        self._start, self._end = 0, len(newest)
        self._closes[: self._end] = index.asi8
        self._values[: self._end] = newest.loc[:, list(BAR_COLUMNS)].to_numpy(np.float64)

    @property
    def closes(self) -> NDArray[np.int64]:
        """Closes in seconds since 1970, UTC, rising."""
        return self._closes[self._start : self._end]

    @property
    def prices(self) -> NDArray[np.float64]:
        """Closing prices."""
        return self._values[self._start : self._end, _CLOSE]

    def count(self, until: datetime) -> int:
        """Return how many closed by then."""
        second = int(until.timestamp())
        if self._end > self._start and self._closes[self._end - 1] == second:
            return self._end - self._start
        return int(self.closes.searchsorted(second, side="right"))

    def frame(self) -> pd.DataFrame:
        """Return a bar frame of them."""
        closes = pd.DatetimeIndex(
            self.closes.astype("datetime64[s]"), tz="UTC", name="close_time"
        ).as_unit("us")
        values = self._values[self._start : self._end].copy()
        return pd.DataFrame(values, index=closes, columns=list(BAR_COLUMNS))

    def push(self, bar: Bar) -> bool:
        """Add the bar if it is newer than all; return whether it is."""
        close = int(bar.close_time.timestamp())
        if self._end > self._start and close <= self._closes[self._end - 1]:
            return False
        if self._end == len(self._closes):
            self._make_room()
        self._closes[self._end] = close
        self._values[self._end] = [getattr(bar, name) for name in BAR_COLUMNS]
        self._end += 1
        self._start = max(self._start, self._end - self._kept)
        return True

    def insert(self, bar: Bar) -> bool:
        """Put a late bar into its place; return False if that is taken."""
        close = int(bar.close_time.timestamp())
        at = self._start + int(self.closes.searchsorted(close))
        if self._closes[at] == close:
            return False
        if self._end == len(self._closes):
            at -= self._start
            self._make_room()
        for array in (self._closes, self._values):
            array[at + 1 : self._end + 1] = array[at : self._end].copy()
        self._closes[at] = close
        self._values[at] = [getattr(bar, name) for name in BAR_COLUMNS]
        self._end += 1
        self._start = max(self._start, self._end - self._kept)
        return True

    def _make_room(self) -> None:
        for array in (self._closes, self._values):
            array[: self._end - self._start] = array[self._start : self._end].copy()
        self._start, self._end = 0, self._end - self._start
