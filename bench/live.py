"""From a frame's receipt to its bars at the reader: 100 symbols with a bar a second each.

The stand-in runs in a process of its own. The store writes and compacts meanwhile, as it does in
the server. The floor is the vendor's client alone in the same run: the same frames, read as JSON
and put through a queue.

Run `python -m bench.live --minutes 10`; it prints JSON. `make bench` measures half a minute.
"""

import asyncio
import gc
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
from aiohttp import web

from bench.result import Result
from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream
from signal_server.core.clock import utc_now
from signal_server.core.config import PolygonConfig
from signal_server.market import live_writer
from signal_server.market.live import LiveBars
from signal_server.market.store import BarStore
from signal_server.market.vendor import vendor_client

KEY = "measured"
SYMBOLS = tuple(f"C{number:02}-USD" for number in range(100))
SHORT_S = 30.0
FLOOR_S = 15.0
COMPACT_BARS = 30
"""Low, so that bars move into Parquet all through a short run, not once an hour."""


def serve(steps: int, told: Connection) -> None:
    """Be Polygon.io for a market of so many seconds, until killed."""
    market = SimMarket(
        seeded_histories(SYMBOLS, 7, steps),
        description="a seeded model of a market",
        bar_seconds=1,
        live_start=utc_now().replace(microsecond=0) + timedelta(seconds=2),
        history_bars=60,
    )
    asyncio.run(_serve(market, told))


async def _serve(market: SimMarket, told: Connection) -> None:
    faults = FaultSwitch()
    rest, stream = PolygonRest(market, KEY, faults), PolygonStream(market, KEY, faults)
    application = web.Application()
    application.add_routes([*rest.routes(), *stream.routes()])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    told.send(runner.addresses[0][1])
    await stream.publish_live()


@contextmanager
def standing_in(seconds: float) -> Iterator[PolygonConfig]:
    """Give the settings for a stand-in that lives in another process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(int(seconds) + 120, theirs))
    process.start()
    address = f"127.0.0.1:{ours.recv()}"
    try:
        yield PolygonConfig(
            rest_url=f"http://{address}",
            feed=address,
            secure=False,
            calls_per_minute=0,
            timeout_s=5.0,
        )
    finally:
        process.terminate()
        process.join()


async def live_ms(config: PolygonConfig, folder: Path, seconds: float) -> list[float]:
    """Return, for every bar, milliseconds from its frame's receipt to its reader."""
    live = LiveBars(config, KEY, SYMBOLS, BarStore(folder, 1), clock=utc_now)
    taken_ms: list[float] = []
    # As the server does.
    gc.freeze()
    end_s = time.monotonic() + seconds
    async with aclosing(live.batches()) as batches:
        async for batch in batches:
            now = utc_now()
            taken_ms += [
                (now - one.received_at).total_seconds() * 1000 for one in batch if not one.repaired
            ]
            if time.monotonic() > end_s:
                return taken_ms
    return taken_ms


async def client_ms(config: PolygonConfig, seconds: float) -> list[float]:
    """Return the same for the vendor's client alone: JSON and a queue, no check and no order."""
    queue: asyncio.Queue[tuple[float, list[object]]] = asyncio.Queue()
    taken_ms: list[float] = []

    async def receive(text: str) -> None:
        began = time.perf_counter()
        queue.put_nowait((began, json.loads(text)))

    async def read() -> None:
        while True:
            began, events = await queue.get()
            taken_ms.extend([(time.perf_counter() - began) * 1000] * len(events))

    client = vendor_client().websocket(
        KEY,
        feed=config.feed,
        market="crypto",
        raw=True,
        secure=False,
        subscriptions=[f"XAS.{symbol}" for symbol in SYMBOLS],
    )
    reading = asyncio.ensure_future(read())
    with suppress(TimeoutError):
        await asyncio.wait_for(client.connect(receive, proxy=None), seconds)
    reading.cancel()
    return taken_ms


def measure(seconds: float = SHORT_S) -> list[Result]:
    """Return median and 99th percentile of both."""
    before = live_writer.COMPACT_BARS
    live_writer.COMPACT_BARS = {1: COMPACT_BARS, 60: COMPACT_BARS}
    try:
        with standing_in(seconds + FLOOR_S) as config, TemporaryDirectory() as folder:
            ours = asyncio.run(live_ms(config, Path(folder), seconds))
            floor = asyncio.run(client_ms(config, FLOOR_S))
    finally:
        live_writer.COMPACT_BARS = before
    data = f"{len(ours):,} bars of 100 symbols in {seconds:.0f} s, seeded; compacted all the time"
    peer = "the vendor's client alone: JSON and a queue"
    return [
        Result(
            f"live_hand_over_{name}",
            round(float(np.percentile(ours, share)), 3),
            "ms",
            round(float(np.percentile(floor, share)), 3),
            peer,
            data,
            "python -m bench.live",
        )
        for name, share in (("median", 50), ("p99", 99))
    ]


@click.command()
@click.option("--minutes", type=click.FloatRange(0.1), default=0.5, show_default=True)
def main(minutes: float) -> None:
    """Measure and print JSON."""
    results = [
        {"name": r.name, "value": r.value, "unit": r.unit, "floor": r.floor, "data": r.data}
        for r in measure(minutes * 60)
    ]
    click.echo(json.dumps(results, indent=1))


if __name__ == "__main__":
    sys.exit(main())
