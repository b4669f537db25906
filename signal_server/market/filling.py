"""Fetching one symbol's history, piece by piece.

Each piece is one request. It is checked, stored, and only then noted as covered, so that a run
that was killed goes on at the request it was at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol

import pandas as pd

from signal_server.core.clock import Clock
from signal_server.core.errors import (
    MarketDataError,
    NotEntitledError,
    StoppedError,
    UnavailableError,
    VendorAuthError,
)
from signal_server.market.coverage import Coverage, Interval, Source
from signal_server.market.frames import in_order
from signal_server.market.plan import Plan
from signal_server.market.polygon_pages import whole_days
from signal_server.market.quality import check_frame
from signal_server.market.store import BarStore

OVERLAP_BARS = 10
"""The newest bars could still be revised when they were fetched: they are asked for again."""
TRIES = 4
"""How often a piece is asked for whose bars the vendor seems to hide."""
MANY_PIECES = 10
"""So many pieces are worth a request that tells which days had no trade at all."""
CONTEXT_BARS = 1500
"""How many bars before a piece its bars are checked against."""


class History(Protocol):
    """A source of past bars that threads may share."""

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the bars with start < close_time <= end."""
        ...

    def traded_days(self, symbol: str, start: datetime, end: datetime) -> frozenset[date]:
        """Return the days, UTC, from that of `start` to that of `end`, with trades."""
        ...

    def stop(self) -> None:
        """Let all calls end soon, with `StoppedError`."""
        ...


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How many of a symbol's requests are done, and how many bars were new."""

    symbol: str
    done: int
    requests: int
    new_bars: int


class Outcome(StrEnum):
    """How far a symbol's backfill came."""

    COMPLETE = "complete"
    NO_BARS = "no bars"
    NOT_ENTITLED = "not entitled"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """What was done for a symbol; bars that are none were quarantined as `refused_bars`."""

    symbol: str
    outcome: Outcome
    new_bars: int = 0
    refused_bars: int = 0
    reason: str = ""


class Filling:
    """The backfill of one symbol."""

    def __init__(self, history: History, store: BarStore, plan: Plan, clock: Clock) -> None:
        self._history = history
        self._store = store
        self._plan = plan
        self._clock = clock
        self._length = timedelta(seconds=store.bar_seconds)
        self._coverage = Coverage.of(store.folder, plan.symbol)
        self._days: frozenset[date] | None = None
        self._new = 0
        self._refused = 0
        self._hiding = ""

    def run(self, report: Callable[[BackfillProgress], None]) -> BackfillResult:
        """Fetch all pieces, oldest first; raises `VendorAuthError` alone."""
        symbol, pieces = self._plan.symbol, self._plan.pieces
        not_entitled = ""
        for done, piece in enumerate(pieces, start=1):
            try:
                self._fill(piece)
            except NotEntitledError as error:
                # The plan may serve the later months.
                not_entitled = str(error)
            except VendorAuthError:
                raise
            except StoppedError as error:
                return self._result(Outcome.STOPPED, str(error))
            except MarketDataError as error:
                return self._failed(error)
            report(BackfillProgress(symbol, done, len(pieces), self._new))
        return self._ended(not_entitled)

    def _ended(self, not_entitled: str) -> BackfillResult:
        if self._hiding:
            return self._result(Outcome.FAILED, self._hiding)
        if not_entitled:
            return self._result(Outcome.NOT_ENTITLED, not_entitled)
        held = self._new or self._store.last_close(self._plan.symbol) is not None
        return self._result(Outcome.COMPLETE if held else Outcome.NO_BARS)

    def _failed(self, error: MarketDataError) -> BackfillResult:
        if isinstance(error, UnavailableError):
            # Nobody else would fare better, and each would wait as long.
            self._history.stop()
        return self._result(Outcome.FAILED, str(error))

    def _result(self, outcome: Outcome, reason: str = "") -> BackfillResult:
        return BackfillResult(self._plan.symbol, outcome, self._new, self._refused, reason)

    def _fill(self, piece: Interval) -> None:
        if len(self._plan.pieces) >= MANY_PIECES:
            self._traded()
        if not self._known_silent(piece):
            since = max(piece[0] - OVERLAP_BARS * self._length, self._plan.floor)
            frame, hidden = self._whole(since, piece)
            self._keep(frame)
            if hidden:
                # What came is of use; what is missing is asked for by the next run.
                self._hiding = f"Polygon.io gives no bars for {hidden}; run it again later"
                return
        now = self._clock()
        # Not before the vendor has answered: it refuses a clock that is so far behind that this
        # would forget what is true.
        self._coverage.forget_later(now)
        self._coverage.add(piece, Source.REST, now)

    def _known_silent(self, piece: Interval) -> bool:
        """Tell whether the days of the piece are known to be without any trade."""
        if not self._days:
            return False
        checked = set(whole_days(*self._plan.period))
        first, last = (piece[0]).date(), (piece[1] - self._length).date()
        touched = {first + timedelta(days=n) for n in range((last - first).days + 1)}
        return touched <= checked - self._days

    def _whole(self, since: datetime, piece: Interval) -> tuple[pd.DataFrame, str]:
        """Fetch a piece, and from `since` what is before it; say what the vendor hides of it."""
        for _ in range(TRIES):
            frame = self._history.bars(self._plan.symbol, since, piece[1])
            hidden = self._hidden(frame, piece)
            if hidden:
                what = f"{len(hidden)} days with trades, like {hidden[0]}"
            elif frame.empty and len(self._store.read(self._plan.symbol, since, piece[0])):
                what = f"{piece[0]:%Y-%m-%d %H:%M} UTC and before, of which some are held"
            else:
                return frame, ""
        return frame, what

    def _hidden(self, frame: pd.DataFrame, piece: Interval) -> list[date]:
        starts = pd.DatetimeIndex(frame.index) - self._length
        seen = {day.date() for day in starts.normalize().unique()}
        empty = [day for day in whole_days(piece[0], piece[1] + self._length) if day not in seen]
        if not empty:
            return []
        return [day for day in empty if day in self._traded()]

    def _traded(self) -> frozenset[date]:
        """Return the days with trades of all that is asked for, none where nobody says."""
        if self._days is None:
            try:
                self._days = self._history.traded_days(self._plan.symbol, *self._plan.period)
            except NotEntitledError:
                # Its first months are not in the plan; the later ones go without this check.
                self._days = frozenset()
        return self._days

    def _keep(self, frame: pd.DataFrame) -> None:
        """Store what is good and quarantine what is not, after it was asked for once more."""
        if frame.empty:
            return
        store, symbol = self._store, self._plan.symbol
        first, last = frame.index[0], frame.index[-1]
        before = store.read(symbol, first - CONTEXT_BARS * self._length, first)
        now = self._clock()
        checked = check_frame(frame, store.bar_seconds, now=now, before=before)
        if len(checked.refused):
            # What came wrong on its way comes right the second time.
            store.quarantine(symbol, checked.quarantined(Source.REST, now))
            again = self._history.bars(symbol, first - self._length, last)
            both = in_order(pd.concat([checked.good, again]))
            checked = check_frame(both, store.bar_seconds, now=now, before=before)
            store.quarantine(symbol, checked.quarantined(Source.REST, now))
            self._refused += len(checked.refused)
        self._new += store.write(symbol, checked.good, now)
