"""Polygon's stand-in on a port of this computer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from market_sim.clock import Clock, utc_now
from market_sim.faults import FaultSwitch
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream

_GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class PolygonStandIn:
    """A running stand-in; `address` is host and port of both sides."""

    rest: PolygonRest
    stream: PolygonStream
    faults: FaultSwitch
    address: str

    @property
    def url(self) -> str:
        """Where REST is."""
        return f"http://{self.address}"


@asynccontextmanager
async def serving(
    market: SimMarket, key: str, *, calls_per_minute: int = 0, clock: Clock = utc_now, seed: int = 0
) -> AsyncIterator[PolygonStandIn]:
    """Serve `market` on a free loopback port; `seed` is that of the faults' chances."""
    faults = FaultSwitch(seed)
    rest = PolygonRest(market, key, faults, calls_per_minute, clock)
    stream = PolygonStream(market, key, faults, clock)
    application = web.Application()
    application.add_routes([*rest.routes(), *stream.routes()])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GOODBYE_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield PolygonStandIn(rest, stream, faults, f"127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await stream.close()
        await runner.cleanup()
