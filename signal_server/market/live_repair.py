"""Asks REST for what the stream may have missed, a few questions at a time."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Source
from signal_server.market.frames import bars_of
from signal_server.market.live_bar import LiveBar
from signal_server.market.live_intake import LiveIntake
from signal_server.market.live_order import Answer
from signal_server.market.live_patience import LivePatience
from signal_server.market.live_writer import LiveWriter
from signal_server.market.polygon import PolygonHistory
from signal_server.market.quality import Checked, check_frame
from signal_server.market.spans import Span, close_of, number_of
from signal_server.market.store import BarStore

logger = logging.getLogger(__name__)

QUESTIONS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Fetched:
    """What REST has of a span, checked, and which of it the store had."""

    answer: Answer
    checked: Checked


class LiveRepairs:
    """Takes questions from the plan of an intake; several workers may do so at once."""

    def __init__(
        self,
        history: PolygonHistory,
        store: BarStore,
        writer: LiveWriter,
        clock: Clock,
        patience: LivePatience,
    ) -> None:
        self.questions = 0
        self._history = history
        self._store = store
        self._writer = writer
        self._clock = clock
        self._patience = patience
        self._open = asyncio.Event()
        self._threads = ThreadPoolExecutor(QUESTIONS_AT_ONCE, thread_name_prefix="live-repair")

    @property
    def ready(self) -> bool:
        """Whether a question would go out at once: the plan and the disk allow it."""
        return self._history.ready and not self._writer.is_behind

    def wake(self) -> None:
        """Look at once whether there is something to ask."""
        self._open.set()

    def close(self) -> None:
        """Ask nothing more; questions that are under way end by themselves."""
        self._history.stop()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def work(self, intake: LiveIntake, done: Callable[[], None]) -> None:
        """Ask one question after the other, for ever; call `done` after each answer."""
        while True:
            now = number_of(self._clock(), self._store.bar_seconds)
            # The question is chosen when it can be asked, so that the most urgent goes first.
            chosen = intake.plan.next(monotonic_s(), now) if self.ready else None
            if chosen is None:
                await self._rest()
                continue
            await self._ask(intake, *chosen)
            done()

    async def _rest(self) -> None:
        self._open.clear()
        try:
            async with asyncio.timeout(self._patience.tick_s):
                await self._open.wait()
        except TimeoutError:
            return

    async def _ask(self, intake: LiveIntake, symbol: str, span: Span) -> None:
        self.questions += 1
        floor = intake.orders[symbol].floor
        loop = asyncio.get_running_loop()
        try:
            fetched = await loop.run_in_executor(self._threads, self._fetch, symbol, span, floor)
        except MarketDataError as error:
            logger.warning("%s: missing bars cannot be fetched yet: %s", symbol, error)
            intake.plan.failed(symbol, monotonic_s())
            return
        if len(fetched.checked.good):
            intake.checker.prime(symbol, fetched.checked.good)
        intake.answer(symbol, fetched.answer, monotonic_s())

    def _fetch(self, symbol: str, span: Span, floor: int) -> Fetched:
        length = self._store.bar_seconds
        asked_at = self._clock()
        start, end = close_of(span[0], length), close_of(span[1], length)
        checked = check_frame(self._history.bars(symbol, start, end), length, now=asked_at)
        now = self._clock()
        if len(checked.refused):
            self._store.quarantine(symbol, checked.quarantined(Source.REST, now))
        found = {
            number_of(bar.close_time, length): LiveBar(bar, now, True, checked.flags_at(row))
            for row, bar in enumerate(bars_of(symbol, checked.good))
        }
        sure = int(asked_at.timestamp() - self._patience.rest_lag_s) // length
        refused = frozenset(number_of(moment, length) for moment in checked.refused.index)
        stored = self._stored(symbol, span, floor)
        return Fetched(Answer(span, found, sure, stored, refused), checked)

    def _stored(self, symbol: str, span: Span, floor: int) -> frozenset[int]:
        """Return which bars the store has, if memory does not reach back to the span."""
        if span[0] >= floor - 1:
            return frozenset()
        self._writer.flush()
        length = self._store.bar_seconds
        held = self._store.read(symbol, close_of(span[0], length), close_of(span[1], length))
        return frozenset(number_of(moment, length) for moment in held.index)
