"""The bar store: Parquet by symbol and month, plus a small append-only file of live bars.

    <root>/60s/BTC-USD/2025-06.parquet             first-seen values
    <root>/60s/BTC-USD/2025-06.revisions.parquet   later values of bars that were there before
    <root>/60s/BTC-USD/live.csv                    bars of the live stream, one line each
    <root>/60s/BTC-USD/moving.csv                  live bars on their way into Parquet

A live bar is appended to `live.csv`, which costs microseconds, and moved into Parquet now and
then; readers merge both, so the move is never visible. Files are replaced atomically, and a line
that a killed process left unfinished is passed over. Writers take turns by a lock file.
"""

import csv
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.errors import MarketDataError
from signal_server.core.symbols import check_symbol
from signal_server.market.frames import INDEX_NAME, bar_frame, empty_frame, in_order, valid_rows

LOCK_TIMEOUT_S = 60.0

Row = list[str]
"""A line of `live.csv`: close, values, a full stop."""


class BarStore:
    """Final bars of one length, by symbol. Every method may raise `MarketDataError`."""

    def __init__(self, root: Path, bar_seconds: int) -> None:
        self.bar_seconds = bar_seconds
        self.folder = root / f"{bar_seconds}s"
        self._appending = threading.Lock()

    def symbols(self) -> tuple[str, ...]:
        """Return the symbols with a folder here, sorted."""
        if not self.folder.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir()))

    def write(self, symbol: str, frame: pd.DataFrame) -> int:
        """Merge bars into the store; return how many were new.

        A bar that is there already keeps its first-seen values, except that a missing vwap or
        trade count is filled in; other values are kept beside it as a revision. Raises
        `MarketDataError` if a row is no valid bar: check with `valid_rows` before.
        """
        self._check(symbol, frame)
        if frame.empty:
            return 0
        with self._writing(symbol):
            months = pd.DatetimeIndex(frame.index).strftime("%Y-%m")
            parts = frame.groupby(np.asarray(months), sort=True)
            return sum(self._merge(self._month(symbol, str(key)), part) for key, part in parts)

    def append(self, bar: Bar) -> None:
        """Add a live bar at once; readers see it from now on."""
        path, _ = self._live_paths(bar.symbol)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = [repr(float(getattr(bar, name))) for name in BAR_COLUMNS]
        line = ",".join([bar.close_time.astimezone(UTC).isoformat(), *values, "."])
        # A line break before and after: whatever a killed writer left stays a line of its own.
        with self._appending, path.open("ab") as file:
            file.write(f"\n{line}\n".encode())

    def compact(self, symbol: str) -> None:
        """Move the live bars into Parquet; what the stream said later of a bar is a revision.

        Bars can be appended meanwhile, by this object and from another thread.
        """
        live, moving = self._live_paths(symbol)
        with self._appending:
            # One that is there already was left by a killed process and goes first.
            if live.exists() and not moving.exists():
                live.replace(moving)
        if moving.exists():
            for same_telling in _by_telling(_live_rows(moving)):
                self.write(symbol, _live_frame(moving, same_telling))
            moving.unlink()

    def read(
        self, symbol: str, start: datetime | None = None, end: datetime | None = None
    ) -> pd.DataFrame:
        """Return the bar frame of `symbol` with start < close_time <= end; empty if none."""
        low = "" if start is None else f"{start.astimezone(UTC):%Y-%m}"
        high = "9999-99" if end is None else f"{end.astimezone(UTC):%Y-%m}"
        # The live part is read first: a bar that moves meanwhile is then seen twice, not never.
        live = self._live(symbol)
        chosen = [path for path in self._months(symbol) if low <= path.stem <= high]
        frames = [_read(path) for path in chosen] + ([] if live.empty else [live])
        if not frames:
            return empty_frame()
        frame = in_order(pd.concat(frames))
        return _between(frame, start, end)

    def last_close(self, symbol: str) -> datetime | None:
        """Return the newest bar's close, None without bars."""
        newest = [frame.index[-1] for frame in self._newest(symbol) if len(frame)]
        return max(newest).to_pydatetime() if newest else None

    def first_close(self, symbol: str) -> datetime | None:
        """Return the oldest bar's close, None without bars."""
        months = self._months(symbol)
        frames = [self._live(symbol), *(_read(path) for path in months[:1])]
        oldest = [frame.index[0] for frame in frames if len(frame)]
        return min(oldest).to_pydatetime() if oldest else None

    def span(self, symbol: str) -> tuple[datetime, datetime, int] | None:
        """Return first close, last close and number of bars; None without bars."""
        frame = self.read(symbol)
        if frame.empty:
            return None
        first, last = frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime()
        return first, last, len(frame)

    def revisions(self, symbol: str) -> pd.DataFrame:
        """Return later values of bars that were there before; the same time can come again."""
        paths = sorted((self.folder / check_symbol(symbol)).glob("*.revisions.parquet"))
        return pd.concat([_read(path) for path in paths]) if paths else empty_frame()

    def _newest(self, symbol: str) -> Iterator[pd.DataFrame]:
        yield self._live(symbol)
        months = self._months(symbol)
        if months:
            yield _read(months[-1])

    def _month(self, symbol: str, month: str) -> Path:
        return self.folder / symbol / f"{month}.parquet"

    def _months(self, symbol: str) -> list[Path]:
        folder = self.folder / check_symbol(symbol)
        return sorted(p for p in folder.glob("*.parquet") if "." not in p.stem)

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

    def _merge(self, path: Path, frame: pd.DataFrame) -> int:
        frame = frame.loc[:, list(BAR_COLUMNS)]
        held = _read(path) if path.exists() else empty_frame()
        known = frame.index.isin(held.index)
        revised = _differing(held, frame[known])
        merged = held.fillna(frame[known].reindex(held.index)) if known.any() else held
        if known.all() and merged.equals(held) and revised.empty:
            return 0
        _write(path, in_order(pd.concat([part for part in (merged, frame[~known]) if len(part)])))
        if len(revised):
            self._add_revisions(path.with_suffix(".revisions.parquet"), revised)
        return int((~known).sum())

    def _add_revisions(self, path: Path, revised: pd.DataFrame) -> None:
        held = _read(path) if path.exists() else empty_frame()
        both = pd.concat([held, revised]) if len(held) else revised
        _write(path, both.reset_index().drop_duplicates().set_index(INDEX_NAME).sort_index())

    def _live_paths(self, symbol: str) -> tuple[Path, Path]:
        """Return the file of live bars, and the one whose bars are on their way into Parquet."""
        folder = self.folder / check_symbol(symbol)
        return folder / "live.csv", folder / "moving.csv"

    def _live(self, symbol: str) -> pd.DataFrame:
        # In the order in which a bar moves, as in `read`; what is moving was first.
        live, moving = [_live_frame(p, _live_rows(p)) for p in self._live_paths(symbol)]
        parts = [part for part in (moving, live) if len(part)]
        return in_order(pd.concat(parts)) if parts else live

    @contextmanager
    def _writing(self, symbol: str) -> Iterator[None]:
        (self.folder / symbol).mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / symbol / ".lock")
        try:
            with lock.acquire(timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout:
            raise MarketDataError(
                f"another process has been writing {symbol} for {LOCK_TIMEOUT_S:.0f} s; "
                "stop it or try again"
            ) from None


def _differing(held: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `again` that contradict what is held; NaN contradicts nothing."""
    if again.empty:
        return again
    before = held.loc[again.index]
    differs = (before != again) & before.notna() & again.notna()
    return again[differs.any(axis=1)]


def _between(frame: pd.DataFrame, start: datetime | None, end: datetime | None) -> pd.DataFrame:
    wanted = np.ones(len(frame), dtype=bool)
    if start is not None:
        wanted &= np.asarray(frame.index > pd.Timestamp(start))
    if end is not None:
        wanted &= np.asarray(frame.index <= pd.Timestamp(end))
    return frame[wanted]


def _live_rows(path: Path) -> list[Row]:
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            # The full stop at a line's end tells a whole line from one cut off by a kill.
            return [r for r in csv.reader(file) if len(r) == len(BAR_COLUMNS) + 2 and r[-1] == "."]
    except FileNotFoundError:
        # Not there, or moved on this very moment: then it is found further on.
        return []


def _by_telling(rows: list[Row]) -> list[list[Row]]:
    """Return the first line of each bar, then the second of those that have one, and so on."""
    tellings: list[list[Row]] = []
    told: Counter[str] = Counter()
    for row in rows:
        if told[row[0]] == len(tellings):
            tellings.append([])
        tellings[told[row[0]]].append(row)
        told[row[0]] += 1
    return tellings


def _live_frame(path: Path, rows: list[Row]) -> pd.DataFrame:
    if not rows:
        return empty_frame()
    try:
        values = np.array([row[1:-1] for row in rows], dtype="float64")
        return bar_frame([row[0] for row in rows], dict(zip(BAR_COLUMNS, values.T, strict=True)))
    except ValueError as error:
        raise MarketDataError(
            f"{path} is damaged; delete it, the next backfill fetches its bars again"
        ) from error


def _read(path: Path) -> pd.DataFrame:
    try:
        # Opened once: by its name the library opens it twice, and can meet two versions of it.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            frame = file.read().to_pandas()
        if frame.index.name != INDEX_NAME:
            frame = frame.set_index(INDEX_NAME)
        bars: pd.DataFrame = frame.loc[:, list(BAR_COLUMNS)]
        if bars.empty:
            raise ValueError("no file of the store is written without bars")
    except (OSError, LookupError, ValueError, TypeError, pa.ArrowException) as error:
        raise MarketDataError(
            f"{path} is damaged or no bar file; delete it and coverage.json beside it, "
            "then backfill or import its month again"
        ) from error
    return bars


def _write(path: Path, frame: pd.DataFrame) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        table = pa.Table.from_pandas(frame)
        # With checksums a damaged page is an error when read, and never a wrong price.
        pq.write_table(table, partial, compression="zstd", write_page_checksum=True)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise MarketDataError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
