"""Waiting by the stand-in's own clock, so that tests need not wait."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import datetime, timedelta

from market_sim.clock import Clock


class Timer:
    """Runs what is due whenever `tick` is called; real time passes between ticks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._numbers = itertools.count()
        self._due: list[tuple[datetime, int, Callable[[], object]]] = []

    def later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do `work` at the first tick after so many seconds; at once for none."""
        if seconds <= 0:
            work()
            return
        due = self._clock() + timedelta(seconds=seconds)
        heapq.heappush(self._due, (due, next(self._numbers), work))

    async def sleep(self, seconds: float) -> None:
        """Wait until the first tick after so many seconds; not at all for none."""
        woken = asyncio.Event()
        self.later(seconds, woken.set)
        await woken.wait()

    def tick(self) -> None:
        """Do everything that is due now, in the order in which it became due."""
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
