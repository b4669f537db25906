"""A server in one process with a clock by hand, and its clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import numpy as np
import pandas as pd

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, Bar, Direction
from signal_server.journal.journal import Journal
from signal_server.journal.predictions import Prediction, valid_signals
from signal_server.serving.engine import Engine
from signal_server.serving.history import BarHistory
from signal_server.serving.hub import Hub
from signal_server.serving.lineup import Lineup, Stage
from signal_server.serving.model_health import ModelHealth
from signal_server.serving.predictor import Freshness, Predictor, Refusal
from signal_server.serving.served import ServedModel
from signal_server.serving.server import SignalServer, running
from signal_server.serving.service import Serving, SignalService
from signal_server.serving.trading import Desk, TradingService

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SYMBOLS = ("BTC-USD", "ETH-USD")
FRESHNESS = Freshness(max_bar_delay_s=20, signal_valid_s=90)


class HandClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Live:
    bar: Bar
    received_at: datetime
    repaired: bool = False
    flags: tuple[str, ...] = ()


def bars(count: int, end: datetime = NOON, bar_seconds: int = 60) -> pd.DataFrame:
    index = pd.date_range(end=end, periods=count, freq=f"{bar_seconds}s", name="close_time")
    close = 100.0 + np.arange(count) % 3
    columns = dict.fromkeys(BAR_COLUMNS, close)
    return pd.DataFrame(columns, index=index, dtype="float64")


def bar(close_time: datetime, symbol: str = "BTC-USD", close: float = 101.0) -> Bar:
    return Bar(symbol, close_time, close, close, close, close, 1.0, close)


def always(*shares: float) -> Callable[[np.ndarray], np.ndarray]:
    """Return a model's output that is the same whatever it is shown."""
    return lambda rows: np.tile(np.array(shares), (len(rows), 1))


def model(**changes: object) -> ServedModel:
    values: dict[str, object] = {
        "id": "direction-2h",
        "version": "v1",
        "label": LabelConfig(kind=LabelKind.DIRECTION, horizon_s=7200),
        "bar_seconds": 60,
        "symbols": SYMBOLS,
        "schema_hash": "abc",
        "names": ("roc_1",),
        "classes": (Direction.DOWN, Direction.UP),
        "predict": always(0.4, 0.6),
    }
    return ServedModel(**(values | changes))  # type: ignore[arg-type]


def stage(
    clock: Callable[[], datetime], history: Mapping[str, pd.DataFrame], **changes: object
) -> Stage:
    values: dict[str, object] = {
        "symbols": tuple(history),
        "stored": lambda symbol, _bars: history[symbol],
        "freshness": FRESHNESS,
        "leader_wait_s": 2.0,
        "clock": clock,
    }
    return Stage(**(values | changes))  # type: ignore[arg-type]


class Alone:
    """A predictor of BTC-USD with a history of its own, given one bar at a time."""

    def __init__(
        self,
        clock: HandClock,
        stored: pd.DataFrame,
        served: ServedModel,
        freshness: Freshness = FRESHNESS,
    ) -> None:
        frames = {"BTC-USD": stored}
        self.history = BarHistory(frames, served.history_bars, served.bar_seconds)
        self.predictor = Predictor(served, self.history, freshness, clock)

    def predict(self, taken: Bar, received_at: datetime) -> Prediction | Refusal | None:
        """Return what is made of the bar; None if it only fills the history."""
        intake = self.history.take([Live(taken, received_at)])
        self.predictor.reopen(intake.changed)
        made = self.predictor.predict(intake.newest)
        return made[0] if made else None


@dataclass
class World:
    """Everything of a server in one process, on a free loopback port, with a clock by hand."""

    journal: Journal
    clock: HandClock
    hub: Hub
    engine: Engine
    models: list[pb.Model] = field(default_factory=list)
    heartbeat_s: float = 5.0
    health: Callable[[], ModelHealth | None] = lambda: None

    @asynccontextmanager
    async def served(self, address: str = "127.0.0.1:0") -> AsyncIterator[SignalServer]:
        serving = Serving(
            symbols=SYMBOLS,
            hub=self.hub,
            journal=self.journal,
            refusals=self.engine.activity.refusals,
            models=lambda: self.models,
            heartbeat_s=self.heartbeat_s,
            clock=self.clock,
        )
        with Journal.open(self.journal.path) as trades:
            services = (
                SignalService(serving),
                TradingService(Desk(trades, self.clock, self.health, heartbeat_s=0.2)),
            )
            async with running(
                address, *services, lambda: self.hub.close("the server is stopping")
            ) as server:
                yield server

    async def issue(self, *symbols: str, flags: tuple[str, ...] = ()) -> None:
        """Let a minute pass and a bar of each symbol arrive."""
        self.clock.advance(60)
        arrived = [bar(self.clock.now, symbol) for symbol in symbols or ("BTC-USD",)]
        await self.engine.take([Live(each, self.clock.now, flags=flags) for each in arrived])


def make_world(
    path: Path,
    hub: Hub | None = None,
    clock: HandClock | None = None,
    stored_bars: int = 100,
    **changes: object,
) -> World:
    clock = clock or HandClock()
    journal = Journal.open(path)
    hub = hub or Hub(valid_signals(journal, clock.now))
    history = {symbol: bars(stored_bars) for symbol in SYMBOLS}
    lineup = Lineup(model(**changes), stage(clock, history))
    return World(journal, clock, hub, Engine(lineup, journal, hub, clock))


@dataclass
class Client:
    signals: rpc.SignalServiceStub
    trading: rpc.TradingServiceStub
    channel: grpc.aio.Channel

    def stream(self, symbols: Sequence[str] = (), after_id: int = 0):  # type: ignore[no-untyped-def]
        return self.signals.StreamSignals(
            pb.StreamSignalsRequest(symbols=symbols, after_id=after_id)
        )


@asynccontextmanager
async def connected(server: SignalServer) -> AsyncIterator[Client]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        yield Client(rpc.SignalServiceStub(channel), rpc.TradingServiceStub(channel), channel)


async def read(call, timeout_s: float = 10.0):  # type: ignore[no-untyped-def]
    return await asyncio.wait_for(call.read(), timeout_s)
