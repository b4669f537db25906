"""From a bar's receipt to its signal at every client: the serving path over real gRPC.

`bar_to_…_clients`: one symbol and a constant model, so that the figures are those of journal,
fan-out and gRPC. `minute_of_100_symbols…`: the bars of one minute of 100 symbols at once, with the
pooled features and 600 trees, until the last signal is at a client. The floor of the same run is
bare TCP lines of as many bytes to as many clients.

Run `python -m bench.signal_latency`; it prints JSON.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.clock import utc_now
from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, Bar, Direction
from signal_server.features.catalogue import feature_names
from signal_server.journal.journal import Journal
from signal_server.serving.engine import Engine
from signal_server.serving.hub import Hub
from signal_server.serving.lineup import Lineup, Stage
from signal_server.serving.predictor import Freshness
from signal_server.serving.served import ServedModel
from signal_server.serving.server import running
from signal_server.serving.service import Serving, SignalService
from signal_server.serving.trading import Desk, TradingService
from signal_server.training.model import logits

SYMBOL = "BTC-USD"
HUNDRED = (SYMBOL, "ETH-USD", *(f"C{number:02}-USD" for number in range(98)))
ROUNDS = 200
MINUTES = 40
ROUNDS_OF_TREES, DEPTH = 600, 3
CLIENTS = (1, 100)
MESSAGE_BYTES = 200
COMMAND = "python -m bench.signal_latency"
LONG_AGO = timedelta(days=1)
ONE = f"{ROUNDS} one-second bars, constant model; floor: bare TCP lines"
MINUTE = (
    f"{MINUTES} minutes of 100 symbols, seeded, pooled features, {ROUNDS_OF_TREES} trees;"
    " floor: 100 bare TCP lines"
)


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A bar that arrives now."""

    bar: Bar
    received_at: datetime
    repaired: bool = False
    flags: tuple[str, ...] = ()


def model(
    names: tuple[str, ...],
    bar_seconds: int,
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]],
) -> ServedModel:
    """Return a model of two classes."""
    return ServedModel(
        id="measured",
        version="1",
        label=LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900),
        bar_seconds=bar_seconds,
        symbols=HUNDRED,
        schema_hash="none",
        names=names,
        classes=(Direction.DOWN, Direction.UP),
        predict=predict,
    )


def constant_model() -> ServedModel:
    """Return a model that says UP with 0.6 whatever it is shown."""
    return model(("roc_1",), 1, lambda rows: np.tile(np.array([0.4, 0.6]), (len(rows), 1)))


def pooled_model() -> ServedModel:
    """Return trees over the pooled features, fitted to noise: their time is that of any trees."""
    names = feature_names("pooled", trade_counts=False)
    random = np.random.default_rng(1)
    matrix = xgb.DMatrix(random.normal(size=(4000, len(names))), random.integers(0, 2, 4000))
    parameters = {"objective": "binary:logistic", "max_depth": DEPTH, "nthread": 1}
    booster = xgb.train(parameters, matrix, ROUNDS_OF_TREES)

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        up = 1 / (1 + np.exp(-logits(booster, rows, 2)[:, 1]))
        return np.column_stack([1 - up, up])

    return model(names, 60, predict)


def walk(seed: int, count: int, end: datetime, bar_seconds: int) -> pd.DataFrame:
    """Return bars of a seeded random walk up to `end`."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 1e-3, count)))
    columns = dict.fromkeys(BAR_COLUMNS, close) | {"volume": random.lognormal(0, 1, count)}
    index = pd.date_range(end=end, periods=count, freq=f"{bar_seconds}s", name="close_time")
    return pd.DataFrame(columns | {"high": close * 1.001, "low": close * 0.999}, index=index)


def lineup(served: ServedModel, history: Mapping[str, pd.DataFrame]) -> Lineup:
    """Return a line-up that takes old bars for new ones."""
    fresh = Freshness(2 * LONG_AGO.total_seconds(), 2 * LONG_AGO.total_seconds())
    return Lineup(
        served, Stage(tuple(history), lambda symbol, _: history[symbol], fresh, 2.0, utc_now)
    )


async def bar_to_clients_ms(clients: int, path: Path) -> list[float]:
    """Return, for every round, milliseconds until the last of `clients` had the signal."""
    start = _whole_minute()
    one = lineup(constant_model(), {SYMBOL: walk(1, 200, start, 1)})
    rounds = [[_bar(SYMBOL, start + timedelta(seconds=n + 1))] for n in range(ROUNDS)]
    return await _rounds_ms(one, rounds, clients, path)


async def minutes_ms(path: Path) -> list[float]:
    """Return, for every minute, milliseconds until a client had the last of 100 signals."""
    start = _whole_minute()
    served = pooled_model()
    bars = served.history_bars
    history = {name: walk(seed, bars, start, 60) for seed, name in enumerate(HUNDRED)}
    minutes = [
        [_bar(name, start + timedelta(minutes=n + 1)) for name in HUNDRED] for n in range(MINUTES)
    ]
    return await _rounds_ms(lineup(served, history), minutes, 1, path)


def prediction_ms() -> list[float]:
    """Return, for every minute, milliseconds for features and predictions of 100 symbols alone."""
    start = _whole_minute()
    served = pooled_model()
    bars = served.history_bars
    history = {name: walk(seed, bars, start, 60) for seed, name in enumerate(HUNDRED)}
    ready, taken_ms = lineup(served, history), []
    for minute in range(MINUTES):
        close = start + timedelta(minutes=minute + 1)
        lives = [LiveBar(_bar(name, close), utc_now()) for name in HUNDRED]
        began = time.perf_counter()
        ready.take(lives)
        taken_ms.append((time.perf_counter() - began) * 1000.0)
    return taken_ms


async def _rounds_ms(
    playing: Lineup, rounds: list[list[Bar]], clients: int, path: Path
) -> list[float]:
    async with AsyncExitStack() as opened:
        reads, predictions, trades = (opened.enter_context(Journal.open(path)) for _ in range(3))
        hub = Hub()
        engine = Engine(playing, predictions, hub, utc_now)
        serving = Serving(HUNDRED, hub, reads, {}, list, 60.0, utc_now)
        server = await opened.enter_async_context(
            running(
                "127.0.0.1:0",
                SignalService(serving),
                TradingService(Desk(trades, utc_now)),
                lambda: hub.close("done"),
            )
        )
        streams = [await _subscribed(opened, server.port) for _ in range(clients)]
        return [await _round_ms(engine, streams, bars) for bars in rounds]


async def _subscribed(opened: AsyncExitStack, port: int) -> "grpc.aio.UnaryStreamCall":
    channel = await opened.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
    stream = rpc.SignalServiceStub(channel).StreamSignals(pb.StreamSignalsRequest())
    await stream.read()
    return stream


async def _round_ms(engine: Engine, streams: list, bars: list[Bar]) -> float:
    began = time.perf_counter()
    waiting = [asyncio.ensure_future(_read(stream, len(bars))) for stream in streams]
    await engine.take([LiveBar(bar, utc_now()) for bar in bars])
    await asyncio.gather(*waiting)
    return (time.perf_counter() - began) * 1000.0


async def _read(stream: "grpc.aio.UnaryStreamCall", count: int) -> None:
    for _ in range(count):
        await stream.read()


def _whole_minute() -> datetime:
    return utc_now().replace(second=0, microsecond=0) - LONG_AGO


def _bar(symbol: str, close: datetime) -> Bar:
    return Bar(symbol, close, 100.0, 101.0, 99.0, 100.5, 1.0)


async def bare_tcp_ms(clients: int, lines: int = 1) -> list[float]:
    """Return, for every round, milliseconds until the last of `clients` had `lines` bare lines."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(clients)]
    while len(writers) < clients:  # noqa: ASYNC110 (accepting tells nobody)
        await asyncio.sleep(0)
    line = b"x" * (MESSAGE_BYTES - 1) + b"\n"
    durations_ms = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for writer in writers:
            for _ in range(lines):
                writer.write(line)
        size = lines * MESSAGE_BYTES
        await asyncio.gather(*(reader.readexactly(size) for reader, _ in connections))
        durations_ms.append((time.perf_counter() - began) * 1000.0)
    for writer in (*writers, *(writer for _, writer in connections)):
        writer.close()
    server.close()
    return durations_ms


def measure() -> list[dict[str, object]]:
    """Return name, value, unit, floor, data and command of every figure."""
    results: list[dict[str, object]] = []
    for clients in CLIENTS:
        with TemporaryDirectory() as folder:
            ours = asyncio.run(bar_to_clients_ms(clients, Path(folder) / "signals.sqlite"))
        floor = asyncio.run(bare_tcp_ms(clients))
        for name, figure in (("median", median), ("worst", max)):
            results.append(_result(f"bar_to_{clients}_clients_{name}", figure, ours, floor))
    with TemporaryDirectory() as folder:
        ours = asyncio.run(minutes_ms(Path(folder) / "signals.sqlite"))
    floor = asyncio.run(bare_tcp_ms(1, len(HUNDRED)))
    alone = prediction_ms()
    for name, figure in (("median", median), ("worst", max)):
        results.append(_result(f"minute_of_100_symbols_{name}", figure, ours, floor, MINUTE))
        results.append(_result(f"predict_100_symbols_{name}", figure, alone, floor, MINUTE))
    return results


def _result(
    name: str,
    figure: Callable[[list[float]], float],
    ours: list[float],
    floor: list[float],
    data: str = ONE,
) -> dict[str, object]:
    return {
        "name": name,
        "value": round(figure(ours), 3),
        "unit": "ms",
        "floor": round(figure(floor), 3),
        "data": data,
        "command": COMMAND,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
