"""A real gRPC server in this process that plays the signal server's part by script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from hummingbot_scripts.ml_signals.journal import Journal
from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def wire_signal(number: int, symbol: str = "BTC-USD", **changes: object) -> pb.Signal:
    signal = pb.Signal(
        id=number,
        model_id="direction-2h",
        model_version="v",
        symbol=symbol,
        horizon_s=7200,
        probability_up=0.7,
        probability_down=0.3,
        direction=pb.DIRECTION_UP,
        confidence=0.7,
        reference_price=60_000.0,
        volatility=0.001,
        schema_hash="hash",
        **changes,
    )
    signal.valid_until.FromDatetime(NOW + timedelta(seconds=60))
    return signal


@dataclass
class ScriptedServer(rpc.SignalServiceServicer, rpc.TradingServiceServicer):
    """Streams what the test puts into it; takes trades as the test says."""

    address: str = ""
    subscriptions: list[pb.StreamSignalsRequest] = field(default_factory=list)
    backlog: list[pb.Signal] = field(default_factory=list)
    silent: bool = False
    newest_id: int | None = None
    received: list[pb.TradeEvent] = field(default_factory=list)
    lose_answers: int = 0
    unavailable: int = 0
    refuse: Callable[[pb.TradeEvent], bool] = lambda _event: False
    _queues: list[asyncio.Queue[pb.Signal | None]] = field(default_factory=list)

    async def start(self, address: str = "127.0.0.1:0") -> grpc.aio.Server:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        rpc.add_SignalServiceServicer_to_server(self, server)
        rpc.add_TradingServiceServicer_to_server(self, server)
        self.address = f"127.0.0.1:{server.add_insecure_port(address)}"
        await server.start()
        return server

    async def StreamSignals(  # noqa: N802
        self, request: pb.StreamSignalsRequest, context: grpc.aio.ServicerContext
    ) -> AsyncIterator[pb.StreamSignalsResponse]:
        self.subscriptions.append(request)
        if self.newest_id is not None and request.after_id > self.newest_id:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "never given")
        queue: asyncio.Queue[pb.Signal | None] = asyncio.Queue()
        self._queues.append(queue)
        if not self.silent:
            yield pb.StreamSignalsResponse()
        for signal in self.backlog:
            if signal.id > request.after_id:
                yield pb.StreamSignalsResponse(signal=signal)
        while (signal := await queue.get()) is not None:
            yield pb.StreamSignalsResponse(signal=signal)

    def publish(self, signal: pb.Signal) -> None:
        self.backlog.append(signal)
        for queue in self._queues:
            queue.put_nowait(signal)

    def drop_subscribers(self) -> None:
        for queue in self._queues:
            queue.put_nowait(None)
        self._queues.clear()

    async def ReportTrades(  # noqa: N802
        self, request: pb.ReportTradesRequest, context: grpc.aio.ServicerContext
    ) -> pb.ReportTradesResponse:
        if self.unavailable:
            self.unavailable -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if any(self.refuse(event) for event in request.events):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "side is wrong")
        self.received.extend(request.events)
        if self.lose_answers:
            self.lose_answers -= 1
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the answer got lost")
        return pb.ReportTradesResponse(
            acknowledged_event_ids=[event.event_id for event in request.events]
        )

    @property
    def distinct(self) -> list[pb.TradeEvent]:
        """What a server that counts every event id once ends up with."""
        return list({event.event_id: event for event in self.received}.values())


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    servicer = ScriptedServer()
    running = await servicer.start()
    yield servicer
    await running.stop(None)


@pytest.fixture
async def channel(server: ScriptedServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.address) as opened:
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "bot.sqlite")


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 (the condition is the test's, not an event)
        await asyncio.sleep(0.005)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def make_signal() -> Callable[..., pb.Signal]:
    return wire_signal


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], object]:
    return until


@pytest.fixture
def make_server() -> Callable[[], ScriptedServer]:
    return ScriptedServer
