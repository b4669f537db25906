"""A Polygon stand-in whose clock and market a test holds in its hands."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_server import serving
from market_sim.polygon_ws import PolygonStream
from tests.market_sim.markets import START, SetClock

KEY = "test-key"
HISTORY_BARS = 600
LIVE_BARS = 60


def seeded_market(bar_seconds: int = 1, seed: int = 3) -> SimMarket:
    """Return a small market of two coins whose live part begins at `START`."""
    return SimMarket(
        seeded_histories(("BTC-USD", "ETH-USD"), seed, HISTORY_BARS + LIVE_BARS),
        description="a seeded model of a market",
        bar_seconds=bar_seconds,
        live_start=START,
        history_bars=HISTORY_BARS,
    )


@dataclass(frozen=True, slots=True)
class Vendor:
    """A running stand-in."""

    market: SimMarket
    clock: SetClock
    faults: FaultSwitch
    rest: PolygonRest
    stream: PolygonStream
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def forward(self, bars: float) -> None:
        """Let time pass, in bars."""
        self.clock.forward(bars * self.market.bar_seconds)

    async def publish(self, bars: int = 1) -> None:
        """Let bars go by, each sent at its end."""
        for _ in range(bars):
            step = self.market.step_at(self.clock.now)
            self.forward(1)
            await self.stream.publish_step(step)


@asynccontextmanager
async def selling(market: SimMarket, calls_per_minute: int = 0) -> AsyncIterator[Vendor]:
    """Serve `market` over real sockets; time stands at its live start until it is moved."""
    clock = SetClock()
    clock.forward((market.live_start - clock.now) / timedelta(seconds=1))
    async with serving(market, KEY, calls_per_minute=calls_per_minute, clock=clock) as running:
        yield Vendor(market, clock, running.faults, running.rest, running.stream, running.address)


@asynccontextmanager
async def rest_alone(rest: PolygonRest) -> AsyncIterator[str]:
    """Serve calls without a stream; yield their URL."""
    application = web.Application()
    application.add_routes(rest.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
