"""The bar store: Parquet by symbol and month, plus a small append-only file of live bars.

    <root>/60s/BTC-USD/2025-06.parquet               first-seen values
    <root>/60s/BTC-USD/revisions/2025-06.parquet     later values of bars that were there before
    <root>/60s/BTC-USD/quarantine/2025-06.parquet    what is held back, with its reason
    <root>/60s/BTC-USD/damaged/                      files that could not be trusted any more
    <root>/60s/BTC-USD/live.csv, moving.csv          live bars on their way into Parquet

The root is a local folder, or a URL like `s3://bucket/bars`; then live bars, locks and coverage
are in `live_root`. Files are replaced whole, so that readers never wait and a killed writer leaves
nothing half done. One process at a time writes a symbol. See docs/store.md.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import pandas as pd

from signal_server.core.clock import Clock, utc_now
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.errors import MarketDataError
from signal_server.core.symbols import check_symbol, is_symbol
from signal_server.market.frames import empty_frame, valid_rows
from signal_server.market.storage.damage import DamagedFile
from signal_server.market.storage.export import export_bars
from signal_server.market.storage.files import Files
from signal_server.market.storage.lease import Lease, Right
from signal_server.market.storage.live_file import LiveFile
from signal_server.market.storage.merge import differing, known_at, latest
from signal_server.market.storage.months import MonthFiles, empty_revisions
from signal_server.market.storage.parquet import QUARANTINE_COLUMNS, SEEN
from signal_server.market.storage.pieces import (
    Period,
    between,
    by_month,
    joined,
    month_period,
    once,
    within,
)
from signal_server.market.storage.verification import discard_file, find_damage

_INSTANT = timedelta(microseconds=1)


class BarStore:
    """Final bars of one length, by symbol. Every method may raise `MarketDataError`.

    Close it, or leave it as a context, when other processes may append live bars instead.
    """

    def __init__(
        self,
        root: Path | str,
        bar_seconds: int,
        *,
        live_root: Path | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.bar_seconds = bar_seconds
        name = f"{bar_seconds}s"
        self._months = MonthFiles(Files.at(root, name))
        is_url = isinstance(root, str) and "://" in root
        local = live_root if live_root is not None or is_url else Path(root)
        self._local = None if local is None else local / name
        self._clock = clock
        self._appending = threading.Lock()
        self._held: dict[str, Lease] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let other processes append; appending again takes the right back."""
        with self._appending:
            while self._held:
                self._held.popitem()[1].release()

    @property
    def folder(self) -> Path:
        """The local folder of live bars, locks and coverage."""
        if self._local is None:
            raise MarketDataError(
                "a store at a URL needs a local folder (live_root) to write or to append"
            )
        return self._local

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols with a folder here, sorted; other folders are nobody's concern."""
        names = set(self._months.symbols())
        if self._local is not None and self._local.is_dir():
            names |= {entry.name for entry in self._local.iterdir() if entry.is_dir()}
        return tuple(sorted(filter(is_symbol, names)))

    def write(self, symbol: str, frame: pd.DataFrame, seen_at: datetime | None = None) -> int:
        """Merge bars into the store; return how many were new.

        A bar that is there already keeps its first-seen values, except that a missing vwap or
        trade count is filled in; values that differ from the latest known are kept beside it as a
        revision, seen now if `seen_at` does not say when. Raises `MarketDataError` if a row is no
        valid bar: check with `valid_rows` before.
        """
        self._check(symbol, frame)
        seen = pd.Timestamp(seen_at or self._clock()).as_unit("us")
        return self._merge(symbol, frame.loc[:, list(BAR_COLUMNS)].assign(**{SEEN: seen}))

    def append(self, bar: Bar, seen_at: datetime | None = None) -> None:
        """Add a live bar at once; readers see it from now on.

        From the first one on only this process can append to the symbol, until it closes the store.
        """
        live = self._live_file(check_symbol(bar.symbol))
        with self._appending:
            if bar.symbol not in self._held:
                lease = self._lease(bar.symbol, Right.APPEND)
                lease.take(lasting=True)
                self._held[bar.symbol] = lease
            live.append(bar, seen_at or self._clock())

    def settle(self, symbol: str) -> None:
        """Make the live bars so far durable: before it is noted that nothing is missing."""
        live = self._live_file(symbol)
        if live.live.parent.is_dir():
            live.settle()

    def compact(self, symbol: str) -> None:
        """Move the live bars into Parquet; what the stream said later of a bar is a revision.

        Bars can be appended meanwhile, by this object and from another thread.
        """
        live = self._live_file(symbol)
        if not (live.live.exists() or live.moving.exists()):
            return
        with self._lease(symbol, Right.APPEND).turn(), self._writing(symbol):
            for frame in live.begin_to_move(self._appending):
                self._check(symbol, frame)
                self._merge(symbol, frame)
            live.end_to_move()

    def read(
        self,
        symbol: str,
        start: datetime | None = None,
        end: datetime | None = None,
        as_of: datetime | None = None,
        *,
        columns: Sequence[str] = BAR_COLUMNS,
    ) -> pd.DataFrame:
        """Return the bar frame of `symbol` with start < close_time <= end; empty if none.

        Values are the first seen; with `as_of` those known then, of bars that had closed by then.
        """
        # The live part is read first: a bar that moves meanwhile is then seen twice, not never.
        live = self._live(symbol)
        months = within(self._months.months(check_symbol(symbol)), (start, end))
        frame = self._months.bars(symbol, months, columns)
        if len(live):
            frame = joined(frame, live.loc[:, list(columns)])
        frame = between(frame, (start, end))
        return frame if as_of is None else known_at(frame, self.revisions(symbol), as_of)

    def revisions(self, symbol: str) -> pd.DataFrame:
        """Return later values of bars that were there before, in order, with `seen_at`.

        The same close can come again; `seen_at` is NaT if an earlier version did not note it.
        """
        pending = self._pending_revisions(symbol)
        stored = self._months.revisions(check_symbol(symbol))
        parts = [part for part in (stored, pending) if len(part)]
        return once(pd.concat(parts), BAR_COLUMNS) if parts else stored

    def last_close(self, symbol: str) -> datetime | None:
        """Return the newest bar's close, None without bars."""
        live, months = self._live(symbol), self._months.months(symbol)
        newest = [live.index[-1]] if len(live) else []
        newest += [self._months.edges(symbol, month)[1] for month in months[-1:]]
        return max(newest).to_pydatetime() if newest else None

    def first_close(self, symbol: str) -> datetime | None:
        """Return the oldest bar's close, None without bars."""
        live, months = self._live(symbol), self._months.months(symbol)
        oldest = [live.index[0]] if len(live) else []
        oldest += [self._months.edges(symbol, month)[0] for month in months[:1]]
        return min(oldest).to_pydatetime() if oldest else None

    def span(self, symbol: str) -> tuple[datetime, datetime, int] | None:
        """Return first close, last close and number of bars; None without bars."""
        live = self._live(symbol)
        edges = [self._months.edges(symbol, month) for month in self._months.months(symbol)]
        count = sum(rows for _, _, rows in edges)
        ends = [*(first for first, _, _ in edges), *(last for _, last, _ in edges), *live.index]
        if len(live):
            since = live.index[0].to_pydatetime() - _INSTANT
            touched = within(self._months.months(symbol), (since, None))
            stored = self._months.bars(symbol, touched, ())
            count += int((~live.index.isin(stored.index)).sum())
        return (min(ends).to_pydatetime(), max(ends).to_pydatetime(), count) if count else None

    def size(self, symbol: str) -> int:
        """Return the bytes of a symbol's files, without live bars."""
        return self._months.sizes(check_symbol(symbol))

    def quarantine(self, symbol: str, frame: pd.DataFrame) -> None:
        """Keep bars that must not be used, each once, with `reason`, `source` and `seen_at`."""
        if SEEN not in frame.columns:
            frame = frame.assign(**{SEEN: pd.Timestamp(self._clock())})
        frame = frame.loc[:, list(QUARANTINE_COLUMNS)].astype({SEEN: "datetime64[us, UTC]"})
        with self._writing(symbol):
            for month, part in by_month(frame.sort_index(kind="stable")):
                self._months.hold_back(symbol, month, part)

    def quarantined(self, symbol: str) -> pd.DataFrame:
        """Return what is held back: bar columns, `reason`, `source` and `seen_at`, in order."""
        return self._months.quarantined(check_symbol(symbol))

    def verify(self, symbol: str) -> list[DamagedFile]:
        """Read all files of a symbol wholly; return those that cannot be trusted."""
        live = None if self._local is None else self._live_file(symbol)
        return find_damage(self._months, live, check_symbol(symbol), self.bar_seconds)

    def discard(self, damaged: DamagedFile) -> str:
        """Move a damaged file aside, and let the next backfill fetch its bars; return its place."""
        with ExitStack() as rights:
            if damaged.month is None:
                rights.enter_context(self._lease(damaged.symbol, Right.APPEND).turn())
            rights.enter_context(self._writing(damaged.symbol))
            return discard_file(self._months, self.folder, damaged, self.bar_seconds, self._clock())

    def export(
        self,
        symbols: Sequence[str],
        start: datetime | None,
        end: datetime | None,
        path: Path,
        *,
        report: Callable[[str, int], None] = lambda _symbol, _rows: None,
    ) -> int:
        """Write bars to a Parquet or CSV file, by its suffix; return how many there were.

        Memory is bounded by a month of one symbol; `report` hears of each such piece.
        """
        return export_bars(self._pieces(symbols, (start, end), report), path)

    def _pieces(
        self, symbols: Sequence[str], period: Period, report: Callable[[str, int], None]
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        for symbol in symbols:
            live = {month for month, _ in by_month(self._live(symbol))}
            months = sorted(live | set(self._months.months(symbol)))
            for month in within(months, period):
                frame = between(self.read(symbol, *month_period(month)), period)
                yield symbol, frame
                report(symbol, len(frame))

    def _check(self, symbol: str, frame: pd.DataFrame) -> None:
        check_symbol(symbol)
        if frame.empty:
            return
        index = pd.DatetimeIndex(frame.index)
        if index.tz is None or not index.is_monotonic_increasing or index.has_duplicates:
            raise MarketDataError(f"{symbol}: bars must be in order, once each, with a time zone")
        bad = int((~valid_rows(frame, self.bar_seconds)).sum())
        if bad:
            raise MarketDataError(f"{symbol}: {bad} rows are no valid bars; nothing was stored")

    def _merge(self, symbol: str, frame: pd.DataFrame) -> int:
        if frame.empty:
            return 0
        with self._writing(symbol):
            self._months.clean(symbol)
            return sum(self._months.merge(symbol, *part) for part in by_month(frame))

    def _pending_revisions(self, symbol: str) -> pd.DataFrame:
        """Return those of the revisions that are among the live bars still."""
        told = [] if self._local is None else self._live_file(symbol).told()
        revised: list[pd.DataFrame] = []
        for frame in told:
            period = frame.index[0] - _INSTANT, frame.index[-1]
            known = latest(self.read(symbol, *period), self._months.revisions(symbol))
            revised.append(differing(latest(known, _all(revised)), frame))
        return _all(revised)

    def _live(self, symbol: str) -> pd.DataFrame:
        told = [] if self._local is None else self._live_file(symbol).told()
        return told[0].loc[:, list(BAR_COLUMNS)] if told else empty_frame()

    def _live_file(self, symbol: str) -> LiveFile:
        return LiveFile(self.folder / check_symbol(symbol))

    def _lease(self, symbol: str, right: Right) -> Lease:
        return Lease(self.folder / check_symbol(symbol), self._clock, right)

    def _writing(self, symbol: str) -> AbstractContextManager[None]:
        return self._lease(symbol, Right.MERGE).turn()


def _all(revisions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(revisions) if revisions else empty_revisions()
