"""Days on their way into the store: written together, and noted once all of their bars are there.

A month's last bar closes in the next month. It waits for the bars of that month, so that no file
is written twice, and the month's last day is noted with them.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import date, datetime

from signal_server.core.clock import Clock
from signal_server.market.coverage import Coverage, Interval, Source
from signal_server.market.flat_files.day import DayBars, day_interval
from signal_server.market.flat_files.landing import Landed, Landing
from signal_server.market.flat_files.ledger import Ledger, ReadDay
from signal_server.market.flat_files.plan import DayTask
from signal_server.market.flat_files.published import Fetched
from signal_server.market.store import BarStore


@dataclass(frozen=True, slots=True)
class DayRead:
    """A file that was read, and the rows that it held."""

    task: DayTask
    fetched: Fetched
    bars: DayBars

    @property
    def symbols(self) -> Iterable[str]:
        """The symbols of which this day is known from now on, with or without bars."""
        return self.bars.rows if self.task.symbols is None else self.task.symbols

    @property
    def ends(self) -> datetime:
        """When the day is over."""
        return day_interval(self.bars.day)[1]


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored by symbol, and the days of which all bars are stored now."""

    symbols: dict[str, Landed]
    days: list[DayRead]


class Deposit:
    """Holds the rows of days until they are stored; `working` runs several symbols at once.

    Days can be added while others are being stored.
    """

    def __init__(
        self, store: BarStore, ledger: Ledger, clock: Clock, origin: Source, working: Executor
    ) -> None:
        self._landing = Landing(store, clock, origin)
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._origin = origin
        self._working = working
        self._days: list[DayRead] = []
        self._unnoted: list[DayRead] = []

    def __len__(self) -> int:
        """Return how many rows are held."""
        return sum(len(day.bars) for day in self._days)

    def add(self, days: Iterable[DayRead]) -> None:
        """Take days in, in order."""
        self._days += days

    def take(self) -> list[DayRead]:
        """Return the days that are held, and hold them no longer."""
        days, self._days = self._days, []
        return days

    def store(self, read: Sequence[DayRead], *, more_come: bool) -> Stored:
        """Store days; if more come, a month's last bar may wait for them."""
        ends = max((day.ends for day in read), default=None)
        hold_from = ends if more_come and ends is not None and ends.day == 1 else None
        known = [*self._unnoted, *read]
        done = [day for day in known if hold_from is None or day.ends < hold_from]
        complete = _days_by_symbol(done)
        bars = [day.bars for day in read]
        symbols = self._landing.symbols_held() | {s for day in bars for s in day.rows}

        def store_one(symbol: str) -> Landed:
            landed = self._landing.land(symbol, bars, hold_from)
            # After the bars: what counts as covered is there.
            self._cover(symbol, complete.get(symbol, ()))
            return landed

        names = sorted(symbols | complete.keys())
        landed = dict(zip(names, self._working.map(store_one, names), strict=True))
        self._note(done)
        self._unnoted = known[len(done) :]
        return Stored(landed, done)

    def _cover(self, symbol: str, days: Iterable[date]) -> None:
        now = self._clock()
        for interval in _joined(days):
            Coverage.of(self._store.folder, symbol).add(interval, self._origin, now)

    def _note(self, days: Iterable[DayRead]) -> None:
        read = (
            ReadDay(symbol, day.bars.day, day.fetched.published.version)
            for day in days
            for symbol in day.symbols
        )
        self._ledger.note(read, self._clock())


def _days_by_symbol(days: Iterable[DayRead]) -> dict[str, list[date]]:
    by_symbol: dict[str, list[date]] = {}
    for day in days:
        for symbol in day.symbols:
            by_symbol.setdefault(symbol, []).append(day.bars.day)
    return by_symbol


def _joined(days: Iterable[date]) -> Iterator[Interval]:
    """Return days that follow each other as one interval."""
    joined: list[Interval] = []
    for start, end in map(day_interval, sorted(days)):
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    yield from joined
