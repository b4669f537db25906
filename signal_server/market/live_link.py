"""The connection to the vendor's stream: held, watched, and replaced whenever it fails.

The vendor's client is used for one connection only, because its own reconnect loses data.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.exceptions import WebSocketException

from signal_server.core.clock import monotonic_s
from signal_server.core.errors import VendorAuthError
from signal_server.market.live_patience import LivePatience
from signal_server.market.vendor import KEY_HINT

logger = logging.getLogger(__name__)

WATCH_S = 0.1
REFUSALS_AT_FIRST = 3
REFUSALS_LATER = 10
"""A key that was good can be refused in passing; so often in a row it is refused for good."""


class StreamLostError(Exception):
    """The connection cannot be trusted any more; the text says why."""


class Client(Protocol):
    """The vendor's WebSocket client, made for one connection."""

    websocket: Any

    def connect(self, processor: Callable[[Any], Awaitable[None]], **options: Any) -> Any:
        """Connect, and await `processor` with every frame until the connection ends."""
        ...


class Listener(Protocol):
    """What happens on a connection is told to this."""

    def receive(self, text: str | bytes) -> None:
        """Take a frame; raise `StreamLostError` if the connection must be replaced."""
        ...

    def subscribed(self) -> bool:
        """Return whether the vendor has confirmed a subscription of this connection."""
        ...

    def ended(self) -> None:
        """Take note that the connection has ended."""
        ...


@dataclass(frozen=True, slots=True)
class Vendor:
    """How to make a client, and which error it raises for a refused key."""

    client: Callable[[], Client]
    auth_error: type[Exception]


class StreamLink:
    """One connection after the other, for ever."""

    def __init__(
        self, vendor: Vendor, listener: Listener, patience: LivePatience, bar_seconds: int
    ) -> None:
        self.connections = 0
        """How many subscribed connections there were."""
        self.attempts = 0
        self._vendor = vendor
        self._listener = listener
        self._patience = patience
        self._usual_idle_s = 3 * bar_seconds + patience.idle_slack_s
        self._idle_s = self._usual_idle_s
        self._attempts_s: deque[float] = deque(maxlen=patience.attempts_per_minute)
        self._heard_s = 0.0
        self._failures = 0
        self._refusals = 0

    def bars_came(self) -> None:
        """Take note that the present connection is as it should be."""
        self._failures = 0
        self._idle_s = self._usual_idle_s

    async def run(self) -> None:
        """Connect again and again; raise `VendorAuthError` when the key is refused for good."""
        while True:
            try:
                await self._connect_once()
                reason = "the vendor closed the connection"
            except self._vendor.auth_error as error:
                self._refused(error)
                reason = f"the key was refused ({error})"
            except (StreamLostError, OSError, WebSocketException, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            except (KeyError, IndexError, TypeError, ValueError) as error:
                # What the vendor's client raises on an answer that it cannot read.
                reason = f"unreadable answer ({type(error).__name__})"
                logger.warning("what could not be read:", exc_info=error)
            wait_s = self._wait_s()
            logger.warning("stream lost: %s; connecting again in %.1f s", reason, wait_s)
            await asyncio.sleep(wait_s)

    def _refused(self, error: Exception) -> None:
        self._refusals += 1
        if self._refusals >= (REFUSALS_LATER if self.connections else REFUSALS_AT_FIRST):
            raise VendorAuthError(f"Polygon.io refused the key; {KEY_HINT}") from error

    def _wait_s(self) -> float:
        """Return the backoff, or more so that no minute sees too many attempts."""
        patience = self._patience
        backoff_s = min(
            patience.longest_backoff_s, patience.shortest_backoff_s * 2.0**self._failures
        )
        self._failures = min(self._failures + 1, 10)
        wait_s = backoff_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        if len(self._attempts_s) == self._attempts_s.maxlen:
            wait_s = max(wait_s, self._attempts_s[0] + 60.0 - monotonic_s())
        return wait_s

    async def _connect_once(self) -> None:
        """Hold one connection until it ends or falls silent."""
        self.attempts += 1
        self._heard_s = monotonic_s()
        self._attempts_s.append(self._heard_s)
        client = self._vendor.client()
        connecting = client.connect(
            self._receive, ping_interval=5, ping_timeout=5, max_size=None, proxy=None
        )
        tasks = {asyncio.ensure_future(connecting), asyncio.ensure_future(self._watch(client))}
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
            self._listener.ended()

    async def _receive(self, text: str | bytes) -> None:
        self._heard_s = monotonic_s()
        before = self._listener.subscribed()
        self._listener.receive(text)
        if not before and self._listener.subscribed():
            self.connections += 1
            self._refusals = 0

    async def _watch(self, client: Client) -> None:
        """Raise `StreamLostError` when nothing is heard any more."""
        while True:
            await asyncio.sleep(min(WATCH_S, self._patience.connect_s / 4))
            limit_s, what = self._limit(client)
            if monotonic_s() - self._heard_s > limit_s:
                if self._listener.subscribed():
                    # A quiet market must not make a connection a minute.
                    self._idle_s = min(self._patience.longest_idle_s, 2 * self._idle_s)
                raise StreamLostError(f"{what} for {limit_s:.0f} s")

    def _limit(self, client: Client) -> tuple[float, str]:
        if client.websocket is None:
            return self._patience.open_s, "no connection"
        if not self._listener.subscribed():
            return self._patience.connect_s, "no subscription"
        return self._idle_s, "nothing heard"
