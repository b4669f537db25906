"""A Polygon.io of this computer, in a thread of its own, since commands run their own loops."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream

KEY = "test-key"
LIVE_BARS = 600


@contextmanager
def polygon(symbols: tuple[str, ...], history_bars: int) -> Iterator[int]:
    """Serve REST and stream of one-second bars on a free port, which is yielded."""
    started = threading.Event()
    found: dict[str, object] = {}

    async def serve() -> None:
        stop = asyncio.Event()
        market = SimMarket(
            seeded_histories(symbols, 7, history_bars + LIVE_BARS),
            description="a seeded model of a market",
            bar_seconds=1,
            live_start=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1),
            history_bars=history_bars,
        )
        faults = FaultSwitch()
        stream = PolygonStream(market, KEY, faults)
        app = web.Application()
        app.add_routes([*PolygonRest(market, KEY, faults).routes(), *stream.routes()])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        found.update(port=runner.addresses[0][1], loop=asyncio.get_running_loop(), stop=stop)
        publishing = asyncio.ensure_future(stream.publish_live())
        started.set()
        await stop.wait()
        publishing.cancel()
        await stream.close()
        await runner.cleanup()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    started.wait(30)
    try:
        yield int(str(found["port"]))
    finally:
        loop, stop = found["loop"], found["stop"]
        loop.call_soon_threadsafe(stop.set)  # type: ignore[attr-defined]
        thread.join(30)
