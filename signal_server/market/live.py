"""Live bars: each final bar once, in order, through every failure of the stream.

The vendor's client is used for one connection only; reconnecting is done here, with a new client
each time. After every connection, and when a bar is missing between two others, the hole is
fetched by REST before the stream goes on, because the stream replays nothing.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from polygon import WebSocketClient
from polygon.exceptions import AuthError
from websockets.exceptions import WebSocketException

from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.config import PolygonConfig
from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError, VendorAuthError
from signal_server.market.frames import bars_of, valid_rows
from signal_server.market.history import last_close_before
from signal_server.market.polygon import KEY_HINT, PolygonHistory
from signal_server.market.store import BarStore
from signal_server.market.stream_events import EVENTS, StreamLostError, bar_of_event, events_of

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 15.0
SHORTEST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
IDLE_SLACK_S = 10.0
COMPACT_BARS = 600
REPAIR_RETRY_S = 2.0
FUTURE_TOLERANCE = timedelta(seconds=5)
"""How far the vendor's clock may be ahead of this computer's."""


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A final bar, and when this process received it (tz-aware UTC)."""

    bar: Bar
    received_at: datetime
    repaired: bool


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
    ) -> None:
        self._config = config
        self._api_key = api_key
        self._symbols = tuple(symbols)
        self._bar_seconds = store.bar_seconds
        self._store = store
        self._clock = clock
        self._history = PolygonHistory(config, api_key, store.bar_seconds)
        self._last = {symbol: store.last_close(symbol) for symbol in self._symbols}
        self._holes: dict[str, datetime] = {}
        self._queue: asyncio.Queue[LiveBar] = asyncio.Queue()
        self._heard_s = 0.0
        self._failures = 0
        self._appended = 0
        self._compacting: asyncio.Future[None]
        self.connections = 0

    async def stream(self) -> AsyncIterator[LiveBar]:
        """Yield bars for ever: in order, but for `repaired` ones of a hole that was passed.

        Raises `VendorAuthError` if the key is refused.
        """
        async with aclosing(self.batches()) as batches:
            async for lives in batches:
                for live in lives:
                    yield live

    async def batches(self) -> AsyncGenerator[list[LiveBar]]:
        """Yield as `stream` does, all bars that have come at once."""
        self._compacting = asyncio.ensure_future(asyncio.to_thread(self._compact_all))
        await self._compacting
        supervisor = asyncio.create_task(self._supervise())
        try:
            while True:
                waiting = asyncio.create_task(self._queue.get())
                try:
                    await asyncio.wait({waiting, supervisor}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    nothing_came = waiting.cancel()
                if nothing_came:
                    # The supervisor ends only by an error; it is raised here.
                    supervisor.result()
                    return
                yield [waiting.result(), *self._rest()]
        finally:
            supervisor.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await supervisor

    def _rest(self) -> Iterator[LiveBar]:
        while not self._queue.empty():
            yield self._queue.get_nowait()

    async def _supervise(self) -> None:
        while True:
            try:
                await self._connect_once()
                reason = "the vendor closed the connection"
            except AuthError as error:
                raise VendorAuthError(f"Polygon.io refused the key; {KEY_HINT}") from error
            except (StreamLostError, OSError, WebSocketException, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            except (KeyError, IndexError, TypeError, ValueError) as error:
                # What the vendor's client raises on an answer that it cannot read.
                reason = f"unreadable answer ({type(error).__name__})"
            wait_s = self._backoff_s()
            logger.warning("stream lost: %s; connecting again in %.1f s", reason, wait_s)
            await asyncio.sleep(wait_s)

    def _backoff_s(self) -> float:
        longest: float = min(LONGEST_BACKOFF_S, SHORTEST_BACKOFF_S * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    async def _connect_once(self) -> None:
        """Hold one connection until it ends or falls silent."""
        connection = _Connection(self)
        client = WebSocketClient(
            self._api_key,
            feed=self._config.feed,
            market="crypto",
            raw=True,
            max_reconnects=0,
            secure=self._config.secure,
            subscriptions=[f"{EVENTS[self._bar_seconds]}.{symbol}" for symbol in self._symbols],
        )
        self._heard_s = monotonic_s()
        tasks = {
            asyncio.create_task(
                client.connect(
                    connection.receive, ping_interval=5, ping_timeout=5, max_size=None, proxy=None
                )
            ),
            asyncio.create_task(connection.deliver()),
            asyncio.create_task(self._watch(connection)),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if client.websocket is not None:
                client.websocket.transport.abort()

    async def _watch(self, connection: "_Connection") -> None:
        """Raise `StreamLostError` when nothing is heard any more."""
        idle_s = 3 * self._bar_seconds + IDLE_SLACK_S
        while True:
            await asyncio.sleep(0.5)
            limit_s = idle_s if connection.subscribed.is_set() else CONNECT_TIMEOUT_S
            if monotonic_s() - self._heard_s > limit_s:
                raise StreamLostError(f"nothing heard for {limit_s:.0f} s")

    async def _repair(self, symbol: str, until: datetime) -> None:
        """Fetch and hand over what is missing up to `until`, retrying for ever.

        A hole that the stream has passed already is handed over too, with what followed it.
        """
        since = self._holes.get(symbol, self._last[symbol])
        while since is not None and since < until:
            try:
                frame = await asyncio.to_thread(self._history.bars, symbol, since, until)
            except VendorAuthError:
                raise
            except MarketDataError as error:
                logger.warning("%s: the hole cannot be fetched yet: %s", symbol, error)
                await asyncio.sleep(REPAIR_RETRY_S)
                continue
            valid = valid_rows(frame, self._bar_seconds)
            for bar in bars_of(symbol, frame[valid]):
                self._hand_over(LiveBar(bar, self._clock(), repaired=True))
            self._holes.pop(symbol, None)
            return

    async def _take(self, live: LiveBar) -> None:
        """Hand a streamed bar over, after the bars missing before it."""
        symbol, close = live.bar.symbol, live.bar.close_time
        last = self._last[symbol]
        before = close - timedelta(seconds=self._bar_seconds)
        if last is not None and last < before:
            self._holes.setdefault(symbol, last)
        # A plan with few calls must not delay live bars: then a later repair fills the hole.
        if symbol in self._holes and self._history.ready:
            await self._repair(symbol, before)
        self._hand_over(live)
        self._failures = 0

    def _hand_over(self, live: LiveBar) -> None:
        bar = live.bar
        last = self._last[bar.symbol]
        newest = last is None or bar.close_time > last
        self._store.append(bar)
        self._appended += 1
        if newest:
            self._last[bar.symbol] = bar.close_time
        if newest or live.repaired:
            self._queue.put_nowait(live)

    def _compact_now_and_then(self) -> None:
        """Start moving live bars into Parquet, beside the stream; raise what the last move met."""
        if self._appended < COMPACT_BARS or not self._compacting.done():
            return
        self._compacting.result()
        self._appended = 0
        self._compacting = asyncio.ensure_future(asyncio.to_thread(self._compact_all))

    def _compact_all(self) -> None:
        for symbol in self._symbols:
            self._store.compact(symbol)


class _Connection:
    """What one connection delivers: frames are taken at once and worked on in order."""

    def __init__(self, owner: LiveBars) -> None:
        self._owner = owner
        self._frames: asyncio.Queue[LiveBar] = asyncio.Queue()
        self.subscribed = asyncio.Event()

    async def receive(self, text: str | bytes) -> None:
        """Take a frame; the vendor's client waits for this, so it only parses."""
        owner = self._owner
        owner._heard_s = monotonic_s()
        received_at = owner._clock()
        for event in events_of(text):
            if event.get("ev") == "status":
                self._status(event)
            else:
                self._bar(event, received_at)

    def _bar(self, event: dict[str, Any], received_at: datetime) -> None:
        bar = bar_of_event(event, self._owner._bar_seconds)
        if bar is None or bar.symbol not in self._owner._symbols:
            return
        # Taken for true, a bar from the future would make every real one after it an old one.
        if bar.close_time > received_at + FUTURE_TOLERANCE:
            logger.warning("a bar from the future was passed over: %.200r", event)
            return
        self._frames.put_nowait(LiveBar(bar, received_at, repaired=False))

    async def deliver(self) -> None:
        """Repair up to now once subscribed, then hand over what has come and will come."""
        owner = self._owner
        await self.subscribed.wait()
        owner.connections += 1
        now = last_close_before(owner._clock(), owner._bar_seconds)
        for symbol in owner._symbols:
            await owner._repair(symbol, now)
        while True:
            await owner._take(await self._frames.get())
            owner._compact_now_and_then()

    def _status(self, event: dict[str, Any]) -> None:
        status = event.get("status")
        if status == "success":
            self.subscribed.set()
        elif status in {"max_connections", "auth_timeout", "error"}:
            raise StreamLostError(f"Polygon.io says {status}: {event.get('message', '')}")
