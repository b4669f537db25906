"""Follows the signal server: one task that reconnects, resumes by id, and notices silence."""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

import grpc

from .clock import Clock
from .pb.signals_pb2 import (
    DIRECTION_DOWN,
    DIRECTION_FLAT,
    DIRECTION_UP,
    Signal,
    StreamSignalsRequest,
    StreamSignalsResponse,
)
from .pb.signals_pb2_grpc import SignalServiceStub
from .rules import Side, SignalView

logger = logging.getLogger(__name__)

CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 3000),
)

_SIDES: Mapping[int, Side] = {
    DIRECTION_DOWN: Side.DOWN,
    DIRECTION_FLAT: Side.FLAT,
    DIRECTION_UP: Side.UP,
}


class FeedState(StrEnum):
    """How the line to the signal server is."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DOWN = "down"


class MalformedSignalError(ValueError):
    """A signal lacks or contradicts what the contract promises; it is not used."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts: doubled each time up to a limit, with jitter."""

    first_s: float = 0.5
    limit_s: float = 10.0

    def delay_s(self, attempt: int) -> float:
        """Return the wait before attempt number `attempt`, counted from 0."""
        longest = min(self.limit_s, self.first_s * 2.0 ** min(attempt, 30))
        return longest * (0.5 + random.random() / 2)  # noqa: S311


@dataclass(frozen=True, slots=True)
class ReceivedSignal:
    """A signal as the rules see it, with when it arrived (tz-aware UTC)."""

    view: SignalView
    received_at: datetime
    reference_price: Decimal


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to follow, from which id on, and after how much silence the line counts as dead."""

    symbols: Sequence[str]
    silence_timeout_s: float
    after_id: int = 0
    backoff: Backoff = Backoff()


class SignalFeed:
    """Keeps the newest signal of each symbol; `run` follows the server until cancelled."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        subscription: Subscription,
        clock: Clock,
        on_new_count: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to follow; nothing is sent before `run`.

        `on_new_count` is called when the server turns out to count its signals anew, so that ids
        of before mean nothing any more.
        """
        self._stub = SignalServiceStub(channel)
        self._subscription = subscription
        self._clock = clock
        self._on_new_count = on_new_count
        self._latest: dict[str, ReceivedSignal] = {}
        self.state = FeedState.CONNECTING
        self.problem = ""
        self.last_id = subscription.after_id
        self.last_message_at: datetime | None = None
        self.malformed = 0

    def latest(self, symbol: str) -> ReceivedSignal | None:
        """Return the newest signal of `symbol`, expired or not; None before the first."""
        return self._latest.get(symbol)

    async def run(self) -> None:
        """Follow the server for ever, waiting longer after each attempt that heard nothing."""
        attempt = 0
        while True:
            heard_before = self.last_message_at
            try:
                await self._follow()
                self._lost("the server ended the stream")
            except TimeoutError:
                self._lost(f"nothing heard for {self._subscription.silence_timeout_s:g} s")
            except grpc.aio.AioRpcError as error:
                self._lost(f"{error.code().name}: {error.details()}")
                if error.code() is grpc.StatusCode.OUT_OF_RANGE:
                    self._count_anew()
            attempt = 0 if self.last_message_at != heard_before else attempt + 1
            await asyncio.sleep(self._subscription.backoff.delay_s(attempt))

    async def _follow(self) -> None:
        request = StreamSignalsRequest(symbols=self._subscription.symbols, after_id=self.last_id)
        call = self._stub.StreamSignals(request)
        try:
            while True:
                async with asyncio.timeout(self._subscription.silence_timeout_s):
                    message = await call.read()
                if not isinstance(message, StreamSignalsResponse):
                    return
                self._take(message)
        finally:
            call.cancel()

    def _take(self, message: StreamSignalsResponse) -> None:
        self.last_message_at = self._clock()
        if self.state is not FeedState.CONNECTED:
            logger.info("The signal server is connected.")
        self.state, self.problem = FeedState.CONNECTED, ""
        if message.HasField("signal"):
            self._keep(message.signal)

    def _keep(self, signal: Signal) -> None:
        self.last_id = max(self.last_id, signal.id)
        try:
            received = receive(signal, self._clock())
        except MalformedSignalError as error:
            self.malformed += 1
            logger.warning("A signal is not used: %s", error)
            return
        known = self._latest.get(received.view.symbol)
        if known is None or known.view.id < received.view.id:
            self._latest[received.view.symbol] = received

    def _count_anew(self) -> None:
        logger.warning("The server counts its signals anew (a new trade log?); so does the bot.")
        self.last_id = 0
        self._latest.clear()
        self._on_new_count()

    def _lost(self, problem: str) -> None:
        if self.state is not FeedState.DOWN or problem != self.problem:
            logger.warning("The signal server is out of reach (%s); trying again.", problem)
        self.state, self.problem = FeedState.DOWN, problem


def receive(signal: Signal, at: datetime) -> ReceivedSignal:
    """Turn a wire signal into what the rules look at; raises `MalformedSignalError`."""
    side = _SIDES.get(signal.direction)
    if side is None or not signal.id or not signal.symbol:
        raise MalformedSignalError(f"signal {signal.id} has no id, symbol or direction")
    if not signal.HasField("valid_until"):
        raise MalformedSignalError(f"signal {signal.id} of {signal.symbol} never expires")
    if not 0 <= signal.confidence <= 1:
        raise MalformedSignalError(f"signal {signal.id}: confidence {signal.confidence} is none")
    if not math.isfinite(signal.reference_price) or signal.reference_price <= 0:
        raise MalformedSignalError(f"signal {signal.id} has no reference price")
    view = SignalView(
        id=signal.id,
        symbol=signal.symbol,
        direction=side,
        confidence=Decimal(str(signal.confidence)),
        valid_until=signal.valid_until.ToDatetime(tzinfo=UTC),
        flags=tuple(signal.flags),
    )
    return ReceivedSignal(view, at, Decimal(str(signal.reference_price)))
