"""A line to the signal server: one stream, taken up again for ever, that notices silence."""

import asyncio
import logging
import random
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

import grpc

from .clock import Clock

logger = logging.getLogger(__name__)

CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3000),
)


class LineState(StrEnum):
    """How a line to the signal server is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts: doubled each time up to a limit, with jitter."""

    first_s: float = 0.5
    limit_s: float = 10.0

    def delay_s(self, attempt: int) -> float:
        """Return the wait before attempt number `attempt`, counted from 0."""
        longest = min(self.limit_s, self.first_s * 2.0 ** min(attempt, 30))
        return longest * (0.5 + random.random() / 2)  # noqa: S311


class Follower(Protocol):
    """What a line serves: it opens streams and takes their messages."""

    def open(self) -> Any:
        """Start a call that answers with a stream."""
        ...

    def take(self, message: Any, /) -> None:
        """Use one message."""
        ...

    def failed(self, code: grpc.StatusCode, /) -> None:
        """Learn with what status a stream ended."""
        ...


class Line:
    """Keeps one stream of the server open; `run` works until cancelled.

    `last_message_at` (UTC) is when something was heard last, a heartbeat included.
    """

    def __init__(
        self, name: str, silence_timeout_s: float, clock: Clock, backoff: Backoff = Backoff()
    ) -> None:
        """Prepare a line that counts as dead after `silence_timeout_s` without a message."""
        self.state = LineState.CONNECTING
        self.problem = ""
        self.last_message_at: datetime | None = None
        self._name = name
        self._silence_timeout_s = silence_timeout_s
        self._clock = clock
        self._backoff = backoff

    async def run(self, follower: Follower) -> None:
        """Follow the server for ever, waiting longer after each attempt that heard nothing."""
        attempt = 0
        while True:
            heard_before = self.last_message_at
            try:
                await self._follow(follower)
                self._lost("the server ended the stream")
            except TimeoutError:
                self._lost(f"nothing heard for {self._silence_timeout_s:g} s")
            except grpc.aio.AioRpcError as error:
                self._lost(f"{error.code().name}: {error.details()}")
                follower.failed(error.code())
            attempt = 0 if self.last_message_at != heard_before else attempt + 1
            await asyncio.sleep(self._backoff.delay_s(attempt))

    async def _follow(self, follower: Follower) -> None:
        call = follower.open()
        try:
            while True:
                async with asyncio.timeout(self._silence_timeout_s):
                    message = await call.read()
                if message is grpc.aio.EOF:
                    return
                self._heard()
                follower.take(message)
        finally:
            call.cancel()

    def _heard(self) -> None:
        self.last_message_at = self._clock()
        if self.state is not LineState.CONNECTED:
            logger.info("%s is connected.", self._name)
        self.state, self.problem = LineState.CONNECTED, ""

    def _lost(self, problem: str) -> None:
        if self.state is not LineState.DOWN or problem != self.problem:
            logger.warning("%s is out of reach (%s); trying again.", self._name, problem)
        self.state, self.problem = LineState.DOWN, problem
