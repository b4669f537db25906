"""Flat files into the store: days are read side by side, and each month is written once.

Files come ahead of their reading, onto the disk. Rows are held until the month or the memory for
them is full; while they are stored, the next month is read. A day counts as read when its bars
are stored; a kill before that costs no download.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import batched, groupby

from filelock import FileLock, Timeout

from signal_server.core.clock import Clock
from signal_server.core.errors import FlatFileError, MarketDataError, NotEntitledError
from signal_server.market.coverage import Coverage, Source
from signal_server.market.flat_files.day import read_day
from signal_server.market.flat_files.deposit import DayRead, Deposit, Stored
from signal_server.market.flat_files.landing import Landed
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import (
    DayState,
    DayTask,
    FlatFileRequest,
    state_without_file,
    tasks_of,
)
from signal_server.market.flat_files.published import Fetched, FlatFileSource, Published
from signal_server.market.store import BarStore

MOST_ROWS = 4_500_000
"""So many rows of 56 bytes are held at the most, as many are being stored, and some are read."""
READ_AT_ONCE = 8
FETCHED_AHEAD = 32
_WORKERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class IntakeProgress:
    """How many days' files have been read and how many bars they held."""

    days_done: int
    days: int
    bars: int


@dataclass(slots=True)
class IntakeResult:
    """What was done: by symbol and by day, with the reason where a day could not be had."""

    symbols: dict[str, Landed] = field(default_factory=dict)
    days: dict[date, DayState] = field(default_factory=dict)
    reasons: dict[date, str] = field(default_factory=dict)

    def count(self, state: DayState) -> int:
        """Return how many days are in a state."""
        return sum(found is state for found in self.days.values())


@dataclass(frozen=True, slots=True)
class _Failed:
    task: DayTask
    state: DayState
    reason: str


class FlatFileIntake:
    """Reads a source's files into a store of minute bars; one process at a time."""

    def __init__(
        self,
        source: FlatFileSource,
        store: BarStore,
        ledger: Ledger,
        clock: Clock,
        *,
        downloads: int = 4,
        origin: Source = Source.FLAT_FILES,
    ) -> None:
        self._source = source
        self._store = store
        self._ledger = ledger
        self._clock = clock
        self._downloads = downloads
        self._origin = origin

    def run(
        self, request: FlatFileRequest, report: Callable[[IntakeProgress], None]
    ) -> IntakeResult:
        """Store what is missing or was published anew.

        A file that cannot be had or read is told in the result, and the others go on. Raises
        `NotEntitledError` or `VendorAuthError` if none can be had, or another `MarketDataError`.
        """
        with self._alone():
            return self._run(request, report)

    def plan(self, request: FlatFileRequest) -> tuple[list[DayTask], dict[date, Published]]:
        """Return the files that must be read, and those that there are; stores nothing."""
        published = self._source.published(request.first, request.last)
        missing = {
            s: Coverage.of(self._store.folder, s).missing(request.interval)
            for s in request.symbols or ()
        }
        versions = self._ledger.versions(request.first, request.last)
        return tasks_of(request, published, missing, versions), published

    def _run(
        self, request: FlatFileRequest, report: Callable[[IntakeProgress], None]
    ) -> IntakeResult:
        tasks, published = self.plan(request)
        result = IntakeResult({symbol: Landed() for symbol in request.symbols or ()})
        now, first = self._clock(), min(published, default=None)
        for day in request.days:
            if day not in published:
                result.days[day] = state_without_file(day, now, first)
        if tasks:
            self._source.check_entitled(tasks[-1].published)
            self._work_through(tasks, result, report)
        result.days = dict(sorted(result.days.items()))
        return result

    def _work_through(
        self,
        tasks: list[DayTask],
        result: IntakeResult,
        report: Callable[[IntakeProgress], None],
    ) -> None:
        done = bars = 0
        report(IntakeProgress(0, len(tasks), 0))
        with (
            self._executor(self._downloads) as fetching,
            self._executor(_WORKERS) as reading,
            self._executor(_WORKERS) as writing,
            self._executor(1) as storing,
        ):
            deposit = Deposit(self._store, self._ledger, self._clock, self._origin, writing)
            under_way: Future[Stored] | None = None
            for batch, month_ends in self._batches(tasks, fetching):
                outcomes = list(reading.map(self._read, batch))
                _note_failures(outcomes, result)
                read = [day for day in outcomes if isinstance(day, DayRead)]
                done, bars = done + len(outcomes), bars + sum(len(day.bars) for day in read)
                deposit.add(read)
                if month_ends or len(deposit) > MOST_ROWS:
                    self._finish(under_way, result)
                    more = done < len(tasks)
                    under_way = storing.submit(deposit.store, deposit.take(), more_come=more)
                report(IntakeProgress(done, len(tasks), bars))
            self._finish(under_way, result)

    def _batches(
        self, tasks: list[DayTask], fetching: Executor
    ) -> Iterator[tuple[list[tuple[DayTask, Future[Fetched]]], bool]]:
        """Yield days with their files, fetched ahead, and whether a month ends with them."""
        files = _ahead(fetching, self._source.fetch, tasks)
        for _, month in groupby(files, key=lambda file: f"{file[0].published.day:%Y-%m}"):
            batches = [*batched(month, READ_AT_ONCE)]
            for batch in batches:
                yield list(batch), batch is batches[-1]

    def _read(self, file: tuple[DayTask, Future[Fetched]]) -> DayRead | _Failed:
        task, fetching = file
        try:
            fetched = fetching.result()
            try:
                return self._parsed(task, fetched)
            except FlatFileError:
                # Damaged on the way or on this disk, perhaps: once more, from the vendor.
                self._source.release(fetched, damaged=True)
                return self._parsed(task, self._source.fetch(fetched.published))
        except FlatFileError as error:
            return _Failed(task, DayState.DAMAGED, str(error))
        except NotEntitledError as error:
            return _Failed(task, DayState.FORBIDDEN, str(error))

    def _parsed(self, task: DayTask, fetched: Fetched) -> DayRead:
        name, day = task.published.key, task.published.day
        return DayRead(task, fetched, read_day(fetched.path, day, task.symbols, name=name))

    def _finish(self, storing: Future[Stored] | None, result: IntakeResult) -> None:
        """Wait for what is being stored, and note it in the result."""
        if storing is None:
            return
        stored = storing.result()
        for symbol, landed in stored.symbols.items():
            result.symbols[symbol] = result.symbols.get(symbol, Landed()) + landed
        for day in stored.days:
            again = day.task.again
            result.days[day.bars.day] = DayState.REPUBLISHED if again else DayState.STORED
            self._source.release(day.fetched)

    @contextmanager
    def _executor(self, threads: int) -> Iterator[ThreadPoolExecutor]:
        executor = ThreadPoolExecutor(threads)
        try:
            yield executor
        except BaseException:
            self._source.close()
            executor.shutdown(cancel_futures=True)
            raise
        executor.shutdown()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        path = self._ledger.path.with_name("reading.lock")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(path, timeout=0):
                yield
        except Timeout:
            raise MarketDataError(
                f"another process is reading flat files into {path.parent}; wait for it or stop it"
            ) from None


def _ahead(
    executor: Executor, fetch: Callable[[Published], Fetched], tasks: Iterable[DayTask]
) -> Iterator[tuple[DayTask, Future[Fetched]]]:
    waiting: deque[tuple[DayTask, Future[Fetched]]] = deque()
    for task in tasks:
        waiting.append((task, executor.submit(fetch, task.published)))
        if len(waiting) > FETCHED_AHEAD:
            yield waiting.popleft()
    yield from waiting


def _note_failures(read: Iterable[DayRead | _Failed], result: IntakeResult) -> None:
    for day in read:
        if isinstance(day, _Failed):
            result.days[day.task.published.day] = day.state
            result.reasons[day.task.published.day] = day.reason
