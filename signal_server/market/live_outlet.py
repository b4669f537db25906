"""The bars that wait for their reader: few in memory, and the rest in the store.

A reader that is slower than the market never loses a bar and never makes the memory grow. What
does not fit is remembered as spans of numbers, and read from the store when the reader comes to
it; until then the symbol's newer bars line up behind it there.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from signal_server.core.clock import Clock
from signal_server.core.domain import Bar
from signal_server.market.live_bar import LiveBar
from signal_server.market.spans import Span, Spans, number_of

Read = Callable[[str, Span], list[Bar]]
"""Return a symbol's bars of a span from the store, all that were handed over before included."""


class Outlet:
    """A queue of live bars that holds at most `limit` of them in memory."""

    def __init__(self, bar_seconds: int, limit: int, read: Read, clock: Clock) -> None:
        self.spilled_bars = 0
        self._bar_seconds = bar_seconds
        self._limit = limit
        self._read = read
        self._clock = clock
        self._waiting: deque[LiveBar] = deque()
        self._spilled: dict[str, Spans] = {}
        self._newest: dict[str, int] = {}
        self._reading: tuple[str, Span] | None = None
        self._meanwhile: dict[int, LiveBar] = {}
        self._filled = asyncio.Event()

    def put(self, lives: Iterable[LiveBar]) -> None:
        """Add bars, given in the order in which they are to come out."""
        for live in lives:
            symbol = live.bar.symbol
            number = number_of(live.bar.close_time, self._bar_seconds)
            newest = self._newest.get(symbol, number - 1)
            self._newest[symbol] = max(newest, number)
            if symbol in self._spilled or len(self._waiting) >= self._limit:
                # Of what lies between the newest bar and a newer one, nothing was handed over.
                self._spill(live, (newest if number > newest else number - 1, number))
            else:
                self._waiting.append(live)
        if self._waiting or self._spilled:
            self._filled.set()

    async def get(self) -> list[LiveBar]:
        """Wait for bars; return all that are there, or what fits of those in the store."""
        while True:
            await self._filled.wait()
            if self._waiting:
                batch = list(self._waiting)
                self._waiting.clear()
            else:
                batch = await self._fetch()
            if not self._waiting and not self._spilled:
                self._filled.clear()
            if batch:
                return batch

    def _spill(self, live: LiveBar, span: Span) -> None:
        self.spilled_bars += 1
        symbol, number = live.bar.symbol, span[1]
        if self._reading is not None and self._reading[0] == symbol:
            after, last = self._reading[1]
            if after < number <= last:
                self._meanwhile[number] = live
                return
        self._spilled.setdefault(symbol, Spans()).add(span)

    async def _fetch(self) -> list[LiveBar]:
        symbol, spans = next(iter(self._spilled.items()))
        after, last = next(iter(spans))
        span = (after, min(last, after + self._limit))
        self._reading, self._meanwhile = (symbol, span), {}
        bars = await asyncio.to_thread(self._read, symbol, span)
        now = self._clock()
        batch = [LiveBar(bar, now, repaired=True) for bar in bars]
        known = {number_of(bar.close_time, self._bar_seconds) for bar in bars}
        batch += [live for number, live in self._meanwhile.items() if number not in known]
        self._reading = None
        spans.remove(span)
        if not spans:
            del self._spilled[symbol]
        return batch
