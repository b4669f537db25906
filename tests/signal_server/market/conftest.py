"""A Polygon.io of this computer for the tests of market data."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream
from signal_server.core.config import PolygonConfig
from signal_server.market.store import BarStore

KEY = "test-key"
HISTORY_BARS = 300
LIVE_BARS = 600


@dataclass(frozen=True, slots=True)
class Vendor:
    """The stand-in: what it serves and where."""

    market: SimMarket
    stream: PolygonStream
    faults: FaultSwitch
    config: PolygonConfig


@asynccontextmanager
async def polygon(symbols: tuple[str, ...] = ("BTC-USD", "ETH-USD")) -> AsyncIterator[Vendor]:
    """Serve one-second bars; the test publishes live ones, or starts `publish_live`."""
    market = SimMarket(
        seeded_histories(symbols, 3, HISTORY_BARS + LIVE_BARS),
        description="a seeded model of a market",
        bar_seconds=1,
        live_start=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1),
        history_bars=HISTORY_BARS,
    )
    faults = FaultSwitch()
    stream = PolygonStream(market, KEY, faults)
    application = web.Application()
    application.add_routes([*PolygonRest(market, KEY, faults).routes(), *stream.routes()])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"127.0.0.1:{runner.addresses[0][1]}"
    config = PolygonConfig(
        rest_url=f"http://{address}", feed=address, secure=False, calls_per_minute=0, timeout_s=5
    )
    publishing = asyncio.create_task(stream.publish_live())
    try:
        yield Vendor(market, stream, faults, config)
    finally:
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing
        await stream.close()
        await runner.cleanup()


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, 1)
