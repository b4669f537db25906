"""Follows the signal server: keeps the newest signal of each symbol and resumes by id."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from .clock import Clock
from .line import Backoff, Line
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
from .skew import SkewGauge

logger = logging.getLogger(__name__)

_SIDES: Mapping[int, Side] = {
    DIRECTION_DOWN: Side.DOWN,
    DIRECTION_FLAT: Side.FLAT,
    DIRECTION_UP: Side.UP,
}


class MalformedSignalError(ValueError):
    """A signal lacks or contradicts what the contract promises; it is not used."""


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
    backoff: Backoff = field(default=Backoff())


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
        self._skew = SkewGauge()
        silence_s, backoff = subscription.silence_timeout_s, subscription.backoff
        self.line = Line("The signal server", silence_s, clock, backoff)
        self.last_id = subscription.after_id
        self.malformed = 0

    @property
    def clock_skew_s(self) -> float | None:
        """Seconds that this clock is ahead of the server's; None while nothing was heard."""
        return self._skew.skew_s

    def latest(self, symbol: str) -> ReceivedSignal | None:
        """Return the newest signal of `symbol`, expired or not; None before the first."""
        return self._latest.get(symbol)

    async def run(self) -> None:
        """Follow the server for ever."""
        await self.line.run(self)

    def open(self) -> Any:
        """Ask for all signals after the newest known one."""
        self._skew.forget()
        request = StreamSignalsRequest(symbols=self._subscription.symbols, after_id=self.last_id)
        return self._stub.StreamSignals(request)

    def take(self, message: StreamSignalsResponse) -> None:
        """Measure the clocks by the message's stamp, and keep its signal."""
        now = self._clock()
        try:
            if message.HasField("server_time"):
                self._skew.note(_moment(message.server_time), now)
            if message.HasField("signal"):
                self._keep(message.signal, now)
        except MalformedSignalError as error:
            self.malformed += 1
            logger.warning("A message of the server is not used: %s", error)

    def failed(self, code: grpc.StatusCode) -> None:
        """Begin a new count when the server does not know the ids of before."""
        if code is grpc.StatusCode.OUT_OF_RANGE:
            logger.warning(
                "The server counts its signals anew (a new trade log?); so does the bot."
            )
            self.last_id = 0
            self._latest.clear()
            self._on_new_count()

    def _keep(self, signal: Signal, now: datetime) -> None:
        self.last_id = max(self.last_id, signal.id)
        received = receive(signal, now)
        known = self._latest.get(received.view.symbol)
        if known is None or known.view.id < received.view.id:
            self._latest[received.view.symbol] = received


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
        valid_until=_moment(signal.valid_until),
        flags=tuple(signal.flags),
        model=signal.model_id,
        volatility=signal.volatility,
        bar_seconds=signal.bar_seconds,
        schema=signal.schema_hash,
    )
    return ReceivedSignal(view, at, Decimal(str(signal.reference_price)))


def _moment(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise MalformedSignalError(f"a time that is none: {error}") from error
