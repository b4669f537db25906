"""Live bars: each final bar once, in order, through every failure of the stream.

A frame is checked, ordered and handed over where it is received; writing, fetching what was missed
and moving bars into Parquet happen beside it. `docs/live.md` tells how the parts work together.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.config import PolygonConfig
from signal_server.core.domain import Bar
from signal_server.core.symbols import to_polygon_stream
from signal_server.market.coverage import Source
from signal_server.market.frames import bars_of
from signal_server.market.live_bar import LiveBar as LiveBar
from signal_server.market.live_intake import LiveIntake
from signal_server.market.live_link import StreamLink, Vendor
from signal_server.market.live_outlet import Outlet
from signal_server.market.live_patience import LivePatience
from signal_server.market.live_repair import QUESTIONS_AT_ONCE, LiveRepairs
from signal_server.market.live_start import newest_stored
from signal_server.market.live_writer import LiveWriter
from signal_server.market.patience import Patience
from signal_server.market.polygon import PolygonHistory
from signal_server.market.spans import Span, close_of
from signal_server.market.store import BarStore
from signal_server.market.stream_events import EVENTS
from signal_server.market.vendor import vendor_client

WAITING_BARS = 10_000
"""So many bars, or 100 of each symbol, wait in memory for a slow reader."""


class LiveBars:
    """The live bars of some symbols, from the newest stored bar on."""

    def __init__(
        self,
        config: PolygonConfig,
        api_key: str,
        symbols: Sequence[str],
        store: BarStore,
        *,
        clock: Clock,
        patience: LivePatience | None = None,
    ) -> None:
        self._config = config
        self._api_key = api_key
        self._symbols = tuple(symbols)
        self._store = store
        self._clock = clock
        self._patience = patience or LivePatience()
        # It gives up at once: what is asked next is decided here, and live bars must not wait.
        self._history = PolygonHistory(config, api_key, store.bar_seconds, patience=Patience(0.0))
        self._writer = LiveWriter(store, clock)
        self._repairs = LiveRepairs(self._history, store, self._writer, clock, self._patience)
        self._intake = LiveIntake({}, store.bar_seconds, self._patience)
        self._link = StreamLink(self._vendor(), self, self._patience, store.bar_seconds)
        limit = max(WAITING_BARS, 100 * len(self._symbols))
        self._outlet = Outlet(store.bar_seconds, limit, self._stored, clock)
        self._covered_s = monotonic_s()

    @property
    def connections(self) -> int:
        """How many connections were made and subscribed so far."""
        return self._link.connections

    async def stream(self) -> AsyncIterator[LiveBar]:
        """Yield bars for ever: in order, but for `repaired` ones of a hole that was passed.

        Raises `VendorAuthError` if the key is refused, `MarketDataError` if bars cannot be stored.
        """
        async with aclosing(self.batches()) as batches:
            async for lives in batches:
                for live in lives:
                    yield live

    async def batches(self) -> AsyncGenerator[list[LiveBar]]:
        """Yield as `stream` does, all bars that have come at once."""
        self._writer.start(self._symbols)
        try:
            await asyncio.to_thread(self._open)
            tasks = self._tasks()
            try:
                while True:
                    yield await self._batch(tasks)
            finally:
                await _cancelled(tasks)
                self._note_coverage()
        finally:
            self._repairs.close()
            await asyncio.to_thread(self._writer.close)

    def _tasks(self) -> list["asyncio.Task[None]"]:
        """Start what runs beside the reader; none of it ends but by an error."""
        questions = [
            self._repairs.work(self._intake, self._pass_on) for _ in range(QUESTIONS_AT_ONCE)
        ]
        work = [self._link.run(), self._keep_time(), *questions]
        return [asyncio.create_task(one) for one in work]

    def receive(self, text: str | bytes) -> None:
        """Take a frame; the vendor's client waits for this."""
        before = self._intake.trust.proof
        try:
            self._intake.frame(text, self._clock(), monotonic_s())
        finally:
            self._pass_on()
        if before is not None and self._intake.trust.proof != before:
            self._link.bars_came()

    def subscribed(self) -> bool:
        """Return whether the present connection is subscribed to a symbol."""
        return bool(self._intake.trust.trusted)

    def ended(self) -> None:
        """Take note that a connection has ended."""
        self._intake.ended()

    def _open(self) -> None:
        """Read the newest stored bars, after those that an earlier process left are in Parquet."""
        self._writer.flush()
        found = {symbol: newest_stored(self._store, symbol) for symbol in self._symbols}
        frames = {symbol: stored.bars for symbol, stored in found.items()}
        calls = self._config.calls_per_minute
        self._intake = LiveIntake(frames, self._store.bar_seconds, self._patience, calls)
        for symbol, stored in found.items():
            for span in stored.holes:
                self._intake.orders[symbol].doubt(span)

    async def _batch(self, tasks: Sequence["asyncio.Task[None]"]) -> list[LiveBar]:
        """Wait for bars; raise what a task has met."""
        waiting = asyncio.create_task(self._outlet.get())
        try:
            await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            # At once, though bars wait: for a reader that is always late some always do.
            for task in tasks:
                if task.done():
                    task.result()
            return await waiting
        finally:
            waiting.cancel()

    def _pass_on(self) -> None:
        """Hand over, write down and ask for what the intake has told."""
        passed, quarantined = self._intake.take_passed()
        if passed.ready:
            self._writer.add((live.bar, live.received_at) for live in passed.ready)
            self._outlet.put(passed.ready)
        self._writer.add((bar, self._clock()) for bar in passed.again)
        for bar, fault in quarantined:
            self._writer.quarantine(bar, fault.value)
        self._repairs.wake()

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(self._patience.tick_s)
            self._writer.check()
            self._intake.tick(self._clock(), monotonic_s(), can_ask=self._repairs.ready)
            self._pass_on()
            if monotonic_s() - self._covered_s >= self._patience.cover_s:
                self._covered_s = monotonic_s()
                self._note_coverage()

    def _note_coverage(self) -> None:
        for symbol in self._intake.orders:
            streamed, fetched = self._intake.vouched(symbol)
            self._writer.cover(symbol, streamed, Source.STREAM)
            self._writer.cover(symbol, fetched, Source.REST)

    def _stored(self, symbol: str, span: Span) -> list[Bar]:
        self._writer.flush()
        length = self._store.bar_seconds
        frame = self._store.read(symbol, close_of(span[0], length), close_of(span[1], length))
        return bars_of(symbol, frame)

    def _vendor(self) -> Vendor:
        vendor, config = vendor_client(self._config.client), self._config
        topics = [
            f"{EVENTS[self._store.bar_seconds]}.{to_polygon_stream(symbol)}"
            for symbol in self._symbols
        ]
        return Vendor(
            lambda: vendor.websocket(
                self._api_key,
                feed=config.feed,
                market="crypto",
                raw=True,
                max_reconnects=0,
                secure=config.secure,
                subscriptions=topics,
            ),
            vendor.auth_error,
        )


async def _cancelled(tasks: Sequence["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
