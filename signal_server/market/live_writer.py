"""Writes live bars down, in a thread of its own: many at once, and never in a live bar's way."""

import logging
import queue
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import pandas as pd

from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Coverage, Source
from signal_server.market.frames import frame_of
from signal_server.market.spans import Span, close_of
from signal_server.market.store import BarStore

logger = logging.getLogger(__name__)

COMPACT_BARS = {1: 3600, 60: 720}
"""A symbol's live bars are moved into Parquet when there are so many."""
BEHIND_BARS = 50_000
"""While so many bars wait for the disk, none are fetched."""
MOST_BARS = 1_000_000
"""A disk that lets so many wait is as good as none."""
QUARANTINE_PAUSES = 4
"""Quarantine is not written again before so many times as long as it took: bars go first."""
GROUP_S = 0.02
"""What comes within this time is written together."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """A bar that must not be used, and when it came."""

    bar: Bar
    reason: str
    seen_at: datetime


Job = Callable[[], None]
Seen = tuple[Bar, datetime]
"""A bar and when its values came, tz-aware UTC."""
_Item = Job | Seen | _Refused | None


class LiveWriter:
    """A queue of writes, done in order. The first error ends it and is raised by `check`."""

    def __init__(self, store: BarStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._appended: Counter[str] = Counter()
        self._quarantine_at_s = 0.0
        self._refused: defaultdict[str, list[_Refused]] = defaultdict(list)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="live-writer", daemon=True)

    def start(self, symbols: Sequence[str]) -> None:
        """Begin: first what an earlier process left of these is moved into Parquet."""
        for symbol in symbols:
            self._jobs.put(partial(self._compact, symbol))
        self._thread.start()

    @property
    def is_behind(self) -> bool:
        """Whether so much waits to be written that nothing should be added but live bars."""
        return self._jobs.qsize() > BEHIND_BARS

    def check(self) -> None:
        """Raise what the last write met, or that bars wait in vain."""
        if self._error is not None:
            raise self._error
        if self._jobs.qsize() > MOST_BARS:
            raise MarketDataError(
                f"{MOST_BARS:,} bars wait to be written to {self._store.folder}; "
                "see what keeps the disk busy"
            )

    def add(self, bars: Iterable[Seen]) -> None:
        """Write bars down, or other values of bars that were written before."""
        for seen in bars:
            self._jobs.put(seen)

    def quarantine(self, bar: Bar, reason: str) -> None:
        """Keep a bar that must not be used, with its reason."""
        self._jobs.put(_Refused(bar, reason, self._clock()))

    def cover(self, symbol: str, spans: Iterable[Span], source: Source) -> None:
        """Note, after the bars that came before, that a source gave these spans wholly."""
        known = list(spans)
        if known:
            self._jobs.put(partial(self._cover, symbol, known, source))

    def flush(self) -> None:
        """Wait until all is written that was given before; raise what it met."""
        done: Future[None] = Future()
        self._jobs.put(lambda: done.set_result(None))
        while self._thread.is_alive() and not wait([done], timeout=0.5).done:
            continue
        self.check()

    def close(self) -> None:
        """Write what is left, end, and let other processes write."""
        self._jobs.put(None)
        self._thread.join()
        self._store.close()
        if self._error is not None:
            # Nobody may be left who waits for bars.
            logger.error("the last live bars could not be written: %s", self._error)

    def _run(self) -> None:
        try:
            while self._write_group(self._group()):
                pass
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits for bars
            self._error = error

    def _group(self) -> list[_Item]:
        group = [self._jobs.get()]
        # First whoever waits for these bars gets them: threads of Python take turns.
        time.sleep(GROUP_S)
        while not self._jobs.empty():
            group.append(self._jobs.get())
        return group

    def _write_group(self, group: list[_Item]) -> bool:
        """Write a group down; return False when it was the last."""
        for item in group:
            if isinstance(item, _Refused):
                self._refused[item.bar.symbol].append(item)
            elif isinstance(item, tuple):
                self._store.append(*item)
                self._appended[item[0].symbol] += 1
            else:
                self._quarantine()
                if item is None:
                    return False
                item()
        if monotonic_s() >= self._quarantine_at_s:
            self._quarantine()
        while self._compact_longest() and self._jobs.empty():
            continue
        return True

    def _compact_longest(self) -> bool:
        """Move one symbol's live bars into Parquet if they are many, the most first."""
        longest = self._appended.most_common(1)
        if not longest or longest[0][1] < COMPACT_BARS[self._store.bar_seconds]:
            return False
        self._compact(longest[0][0])
        return True

    def _compact(self, symbol: str) -> None:
        self._appended.pop(symbol, None)
        self._store.compact(symbol)

    def _quarantine(self) -> None:
        """Write what was refused, a file a symbol: each costs as much as thousands of bars."""
        if not self._refused:
            return
        began_s = monotonic_s()
        for symbol, refused in self._refused.items():
            frames = [
                frame_of([one.bar]).assign(
                    reason=one.reason, source=Source.STREAM.value, seen_at=one.seen_at
                )
                for one in refused
            ]
            self._store.quarantine(symbol, pd.concat(frames))
        self._refused.clear()
        now_s = monotonic_s()
        self._quarantine_at_s = now_s + QUARANTINE_PAUSES * (now_s - began_s)

    def _cover(self, symbol: str, spans: list[Span], source: Source) -> None:
        length = self._store.bar_seconds
        coverage = Coverage.of(self._store.folder, symbol)
        # What a power cut takes must not be known as covered.
        self._store.settle(symbol)
        periods = [(close_of(after, length), close_of(last, length)) for after, last in spans]
        coverage.add_all(periods, source, self._clock())
