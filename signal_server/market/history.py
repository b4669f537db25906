"""Backfill: bring history into the store, chunk by chunk, so that it can go on after a kill."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd

from signal_server.core.clock import Clock
from signal_server.core.errors import NoHistoryError
from signal_server.market.frames import valid_rows
from signal_server.market.store import BarStore

CHUNKS = {60: timedelta(days=30), 1: timedelta(hours=12)}
OVERLAP_BARS = 10
"""The newest bars can still be revised: a later backfill asks for these again."""

Interval = tuple[datetime, datetime]


class History(Protocol):
    """A source of past bars."""

    def check_listed(self, symbol: str) -> None:
        """Raise `UnknownSymbolError` if the source does not know the symbol."""
        ...

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the bars with start < close_time <= end."""
        ...


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Which symbols, and from when to when (tz-aware UTC)."""

    symbols: tuple[str, ...]
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class BackfillProgress:
    """How far a symbol has come; `share` of its period is 0 to 1."""

    symbol: str
    share: float
    new_bars: int


@dataclass(frozen=True, slots=True)
class BackfillResult:
    """What was done for a symbol; `refused_bars` were no valid bars and were not stored."""

    symbol: str
    new_bars: int
    refused_bars: int
    stored_bars: int


def backfill(
    history: History,
    store: BarStore,
    request: BackfillRequest,
    clock: Clock,
    report: Callable[[BackfillProgress], None],
) -> list[BackfillResult]:
    """Fetch what is missing; run again, it asks for nothing that is there.

    Every symbol is checked before anything is fetched. Raises `UnknownSymbolError`,
    `NoHistoryError` if the source has no bar of a symbol, or another `MarketDataError`.
    """
    for symbol in request.symbols:
        history.check_listed(symbol)
    end = min(request.end, last_close_before(clock(), store.bar_seconds))
    return [
        _backfill_symbol(history, store, symbol, (request.start, end), report)
        for symbol in request.symbols
    ]


def last_close_before(moment: datetime, bar_seconds: int) -> datetime:
    """Return the close of the newest bar that is over at `moment`."""
    seconds = int(moment.timestamp()) // bar_seconds * bar_seconds
    return datetime.fromtimestamp(seconds, UTC)


def _backfill_symbol(
    history: History,
    store: BarStore,
    symbol: str,
    period: Interval,
    report: Callable[[BackfillProgress], None],
) -> BackfillResult:
    coverage = Coverage(store.folder / symbol / "coverage.json")
    whole_s = max((period[1] - period[0]).total_seconds(), 1.0)
    new = refused = 0
    report(BackfillProgress(symbol, 0.0, 0))
    for start, end in coverage.missing(period, CHUNKS[store.bar_seconds]):
        frame = history.bars(symbol, start, end)
        valid = valid_rows(frame, store.bar_seconds)
        new += store.write(symbol, frame[valid])
        refused += int((~valid).sum())
        settled = end - timedelta(seconds=OVERLAP_BARS * store.bar_seconds)
        coverage.add((start, end if end < period[1] else max(start, settled)))
        report(BackfillProgress(symbol, (end - period[0]).total_seconds() / whole_s, new))
    stored = len(store.read(symbol, *period))
    report(BackfillProgress(symbol, 1.0, new))
    if not stored:
        raise NoHistoryError(f"Polygon.io has no bars of {symbol} in that period; choose another")
    return BackfillResult(symbol, new, refused, stored)


class Coverage:
    """The periods of a symbol that have been fetched, kept in a file beside its bars."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = self._load()

    def missing(self, period: Interval, chunk: timedelta) -> Iterator[Interval]:
        """Yield what is not covered of `period`, in pieces of at most `chunk`."""
        at = period[0]
        for start, end in [*self._done, (period[1], period[1])]:
            while at < min(start, period[1]):
                piece = (at, min(at + chunk, start, period[1]))
                yield piece
                at = piece[1]
            at = max(at, end)

    def add(self, interval: Interval) -> None:
        """Note an interval as fetched, durably."""
        merged: list[Interval] = []
        for start, end in sorted([*self._done, interval]):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], end))
            else:
                merged.append((start, end))
        self._done = merged
        text = json.dumps([[start.isoformat(), end.isoformat()] for start, end in merged])
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self._path)

    def _load(self) -> list[Interval]:
        try:
            pairs = json.loads(self._path.read_text(encoding="utf-8"))
            return [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in pairs]
        except (FileNotFoundError, ValueError, TypeError):
            # Without a readable record all is asked for again; the store keeps each bar once.
            return []
