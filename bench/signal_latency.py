"""From a bar's receipt to its signal at every client: the serving path over real gRPC.

The model is a constant, so that the figures are those of journal, fan-out and gRPC alone. The
floor of the same run is a bare TCP line of as many bytes to as many clients.

Run `python -m bench.signal_latency`; it prints JSON.
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import pandas as pd

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.clock import utc_now
from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.journal.journal import Journal
from signal_server.serving.engine import Engine
from signal_server.serving.hub import Hub
from signal_server.serving.predictor import Freshness, Predictor
from signal_server.serving.served import ServedModel
from signal_server.serving.server import running
from signal_server.serving.service import Serving, SignalService
from signal_server.serving.trading import Desk, TradingService

SYMBOL = "BTC-USD"
ROUNDS = 200
CLIENTS = (1, 100)
MESSAGE_BYTES = 200
COMMAND = "python -m bench.signal_latency"


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A bar that arrives now."""

    bar: Bar
    received_at: datetime
    repaired: bool = False


def constant_model() -> ServedModel:
    """Return a model that says UP with 0.6 whatever it is shown."""
    return ServedModel(
        id="constant",
        version="1",
        label=LabelConfig(kind=LabelKind.DIRECTION, horizon_s=60),
        bar_seconds=1,
        symbols=(SYMBOL,),
        schema_hash="none",
        warmup_bars=60,
        compute=lambda bars: bars[["close"]],
        predict=lambda rows: pd.DataFrame({"DOWN": 0.4, "UP": 0.6}, index=rows.index),
    )


def history(end: datetime) -> pd.DataFrame:
    """Return 100 one-second bars up to `end`."""
    index = pd.date_range(end=end, periods=100, freq="1s", name="close_time")
    return pd.DataFrame(dict.fromkeys(BAR_COLUMNS, 100.0 + np.arange(100) % 3), index=index)


async def bar_to_clients_ms(clients: int, path: Path) -> list[float]:
    """Return, for every round, milliseconds until the last of `clients` had the signal."""
    start = utc_now()
    async with AsyncExitStack() as opened:
        reads, predictions, trades = (opened.enter_context(Journal.open(path)) for _ in range(3))
        hub = Hub()
        predictor = Predictor(
            constant_model(), {SYMBOL: history(start)}, Freshness(3600, 3600), utc_now
        )
        engine = Engine(predictor, predictions, hub, utc_now)
        serving = Serving([SYMBOL], hub, reads, {}, list, 60.0, utc_now)
        server = await opened.enter_async_context(
            running(
                "127.0.0.1:0",
                SignalService(serving),
                TradingService(Desk(trades, utc_now)),
                lambda: hub.close("done"),
            )
        )
        streams = [await _subscribed(opened, server.port) for _ in range(clients)]
        return [await _round_ms(engine, streams, _bar(start, number)) for number in range(ROUNDS)]


async def _subscribed(opened: AsyncExitStack, port: int) -> "grpc.aio.UnaryStreamCall":
    channel = await opened.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
    stream = rpc.SignalServiceStub(channel).StreamSignals(pb.StreamSignalsRequest())
    await stream.read()
    return stream


async def _round_ms(engine: Engine, streams: list, bar: Bar) -> float:
    began = time.perf_counter()
    waiting = [asyncio.ensure_future(stream.read()) for stream in streams]
    await engine.take(LiveBar(bar, utc_now()))
    await asyncio.gather(*waiting)
    return (time.perf_counter() - began) * 1000.0


def _bar(start: datetime, number: int) -> Bar:
    close = start + timedelta(milliseconds=number + 1)
    return Bar(SYMBOL, close.astimezone(UTC), 100.0, 101.0, 99.0, 100.5, 1.0)


async def bare_tcp_ms(clients: int) -> list[float]:
    """Return, for every round, milliseconds until the last of `clients` had a bare line."""
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
            writer.write(line)
        await asyncio.gather(*(reader.readline() for reader, _ in connections))
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
    return results


def _result(
    name: str, figure: Callable[[list[float]], float], ours: list[float], floor: list[float]
) -> dict[str, object]:
    return {
        "name": name,
        "value": round(figure(ours), 3),
        "unit": "ms",
        "floor": round(figure(floor), 3),
        "data": f"{ROUNDS} one-second bars, constant model; floor: bare TCP lines",
        "command": COMMAND,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
