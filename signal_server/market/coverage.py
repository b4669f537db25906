"""Which periods of a symbol were fetched, from which source and when.

A minute without a bar inside a covered period had no trades; outside, nobody has looked. Periods
are (start, end] of close times, tz-aware UTC, kept in a JSON file beside the symbol's bars.
"""

import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout

from signal_server.core.errors import MarketDataError
from signal_server.market.storage.files import settle

logger = logging.getLogger(__name__)

LOCK_TIMEOUT_S = 60.0
SAME_FETCH = timedelta(days=2)
"""Adjoining periods that one source gave within this time are kept as one."""
CLOCKS_APART = timedelta(minutes=5)
"""How far this computer's clock may be behind the one by which something was noted."""

Interval = tuple[datetime, datetime]


class Source(StrEnum):
    """Where bars come from."""

    REST = "rest"
    FLAT_FILES = "flat_files"
    STREAM = "stream"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Covered:
    """A period that a source gave wholly; `at` is when it did so last, None if unknown."""

    start: datetime
    end: datetime
    source: Source
    at: datetime | None


class Coverage:
    """The record of one symbol. Each call reads the file anew; two processes may write it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, folder: Path, symbol: str) -> Self:
        """Return the record of a symbol; `folder` is the local one of all symbols."""
        return cls(folder / symbol / "coverage.json")

    def records(self, now: datetime | None = None) -> list[Covered]:
        """Return what was fetched, oldest period first; periods of two sources may overlap.

        With `now`, without what `forget_later` would forget.
        """
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            known = sorted((_covered(entry) for entry in content), key=_order)
        except FileNotFoundError:
            return []
        except (ValueError, TypeError, LookupError, OSError, RecursionError) as error:
            # All is asked for again then; the store keeps each bar once.
            logger.warning("%s is unreadable and counts as empty: %s", self._path, error)
            return []
        return [one for one in known if now is None or not _is_later(one, now)]

    def covered(
        self,
        period: Interval,
        sources: Collection[Source] = tuple(Source),
        now: datetime | None = None,
    ) -> list[Interval]:
        """Return the covered parts of `period`, in order and without overlap."""
        parts: list[Interval] = []
        for record in self.records(now):
            start, end = max(record.start, period[0]), min(record.end, period[1])
            if record.source not in sources or start >= end:
                continue
            if parts and start <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(parts[-1][1], end))
            else:
                parts.append((start, end))
        return parts

    def missing(
        self,
        period: Interval,
        sources: Collection[Source] = tuple(Source),
        now: datetime | None = None,
    ) -> list[Interval]:
        """Return the parts of `period` that are not covered, in order; `now` as in `records`."""
        edges = [period[0], *_flat(self.covered(period, sources, now)), period[1]]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(start, end) for start, end in pairs if start < end]

    def add(self, interval: Interval, source: Source, at: datetime) -> None:
        """Note durably that `source` gave the interval wholly, at `at`."""
        self.add_all([interval], source, at)

    def add_all(self, intervals: Iterable[Interval], source: Source, at: datetime) -> None:
        """Note several intervals at once, which costs as much as one."""
        added = [
            Covered(_utc(start), _utc(end), source, _utc(at))
            for start, end in intervals
            if start < end
        ]
        if not added:
            return
        with self._writing():
            records = self.records()
            for one in added:
                records = _with(records, one)
            self._write(records)

    def remove(self, interval: Interval) -> None:
        """Forget that the interval was fetched, so that it is fetched again."""
        start, end = interval
        with self._writing():
            kept = []
            for record in self.records():
                before = replace(record, end=min(record.end, start))
                after = replace(record, start=max(record.start, end))
                kept += [part for part in (before, after) if part.start < part.end]
            self._write(kept)

    def forget_later(self, now: datetime) -> None:
        """Forget what is noted of, or as of, a time after `now`: a clock was ahead, or worse."""
        if any(_is_later(record, now) for record in self.records()):
            with self._writing():
                self._write(self.records(now))
            logger.warning("%s tells of a time to come; that is forgotten", self._path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self._path.with_suffix(".lock"), timeout=LOCK_TIMEOUT_S):
                yield
        except Timeout:
            raise MarketDataError(
                f"another process has held {self._path} for {LOCK_TIMEOUT_S:.0f} s; "
                "stop it or try again"
            ) from None

    def _write(self, records: Iterable[Covered]) -> None:
        entries = [_entry(record) for record in sorted(records, key=_order)]
        partial = self._path.with_suffix(f".{os.getpid()}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                json.dump(entries, file, indent=0)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
            settle(self._path.parent)
        except OSError as error:
            reason = error.strerror or error
            raise MarketDataError(f"{self._path} could not be written: {reason}") from error
        finally:
            partial.unlink(missing_ok=True)


def _is_later(record: Covered, now: datetime) -> bool:
    return max(record.end, record.at or record.end) > now + CLOCKS_APART


def _order(record: Covered) -> tuple[datetime, datetime, str]:
    return record.start, record.end, record.source


def _with(records: Iterable[Covered], added: Covered) -> list[Covered]:
    """Return the records and a new one, joined with those that it adjoins."""
    others = []
    for record in records:
        if _one_fetch(record, added):
            added = _joined(record, added)
        else:
            others.append(record)
    return [*others, added]


def _one_fetch(a: Covered, b: Covered) -> bool:
    if a.source is not b.source or a.start > b.end or b.start > a.end:
        return False
    return a.at is not None and b.at is not None and abs(a.at - b.at) <= SAME_FETCH


def _joined(a: Covered, b: Covered) -> Covered:
    known = [record.at for record in (a, b) if record.at is not None]
    return Covered(min(a.start, b.start), max(a.end, b.end), b.source, max(known, default=None))


def _covered(entry: Any) -> Covered:
    if isinstance(entry, list):
        # A file of the first format knew REST alone, and no times.
        start, end = entry
        return Covered(_moment(start), _moment(end), Source.REST, None)
    at = _moment(entry["at"]) if entry["at"] else None
    return Covered(_moment(entry["start"]), _moment(entry["end"]), Source(entry["source"]), at)


def _entry(record: Covered) -> dict[str, str | None]:
    return {
        "start": record.start.isoformat(),
        "end": record.end.isoformat(),
        "source": record.source.value,
        "at": record.at.isoformat() if record.at else None,
    }


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def _flat(parts: Iterable[Interval]) -> list[datetime]:
    return [moment for part in parts for moment in part]
