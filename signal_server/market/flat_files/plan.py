"""Which days' files must be read for which symbols, and what a day without a file means."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from signal_server.market.coverage import Interval
from signal_server.market.flat_files.day import day_interval
from signal_server.market.flat_files.published import Published

DAY = timedelta(days=1)
PUBLISHED_AFTER = timedelta(hours=24)
"""After a day's end: usually its file is out at about 11:00 in New York, sometimes later."""

Versions = Mapping[tuple[str, date], str]


class DayState(StrEnum):
    """What became of a day."""

    STORED = "stored"
    REPUBLISHED = "published anew"
    UNPUBLISHED = "not published yet"
    MISSING = "missing at the vendor"
    BEFORE = "before the vendor's first file"
    DAMAGED = "damaged"
    FORBIDDEN = "not in the plan"


@dataclass(frozen=True, slots=True)
class FlatFileRequest:
    """Which symbols, None for all that the files hold; `first` and `last` are included."""

    symbols: tuple[str, ...] | None
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """The days, oldest first."""
        return [self.first + DAY * n for n in range((self.last - self.first).days + 1)]

    @property
    def interval(self) -> Interval:
        """The days as an interval of closes."""
        return day_interval(self.first)[0], day_interval(self.last)[1]


@dataclass(frozen=True, slots=True)
class DayTask:
    """A file to read, for the symbols that need it; `again`: some had another version of it."""

    published: Published
    symbols: tuple[str, ...] | None
    again: bool = False


def tasks_of(
    request: FlatFileRequest,
    published: Mapping[date, Published],
    missing: Mapping[str, Iterable[Interval]],
    versions: Versions,
) -> list[DayTask]:
    """Return what is to be read, oldest day first.

    A symbol needs a day that is in part among its `missing` intervals, and one whose file is of
    another version than the one it was read from.
    """
    if request.symbols is None:
        return [DayTask(published[day], None) for day in request.days if day in published]
    holes = {symbol: set(days_in(missing[symbol])) for symbol in request.symbols}
    tasks = []
    for day in request.days:
        if day in published:
            version = published[day].version
            read = {symbol: versions.get((symbol, day), version) for symbol in request.symbols}
            changed = {symbol for symbol, before in read.items() if _differ(before, version)}
            symbols = tuple(s for s in request.symbols if s in changed or day in holes[s])
            if symbols:
                tasks.append(DayTask(published[day], symbols, bool(changed)))
    return tasks


def _differ(before: str, now: str) -> bool:
    """Tell whether a file has changed; S3's ETag of an upload in parts is no MD5, and cannot say.

    Then the bars of a file that was imported from a folder stay as they are.
    """
    return before != now and ("-" in before) == ("-" in now)


def days_in(intervals: Iterable[Interval]) -> Iterator[date]:
    """Return the UTC days that have a part in the intervals of closes."""
    for start, end in intervals:
        day = start.date()
        while day_interval(day)[0] < end:
            yield day
            day += DAY


def state_without_file(day: date, now: datetime, first: date | None) -> DayState:
    """Return what it means that a day has no file: every day has trades in some coin.

    `first` is the oldest day that has one, None if no day has.
    """
    if first is not None and day < first:
        return DayState.BEFORE
    due = day_interval(day)[1] + PUBLISHED_AFTER
    return DayState.UNPUBLISHED if now < due else DayState.MISSING


def last_due(now: datetime) -> date:
    """Return the newest day whose file can be out at `now`: the one before today."""
    return now.date() - DAY
