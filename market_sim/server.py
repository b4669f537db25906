"""All stand-ins of one market in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from market_sim.clock import Clock, utc_now
from market_sim.faults import FaultSwitch
from market_sim.kraken_control import KrakenControl, switch_on
from market_sim.kraken_server import KrakenAddresses, KrakenSettings, KrakenStandIn
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream

_GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class SimSettings:
    """Keys of the accounts at the stand-ins; `calls_per_minute` 0 is an unlimited plan.

    `kraken_faults` are on from the start, each as `kraken_control.switch_on` takes it.
    """

    polygon_key: str
    calls_per_minute: int = 0
    kraken: KrakenSettings = field(default_factory=KrakenSettings)
    kraken_faults: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class StandIns:
    """Running stand-ins and where they listen."""

    market: SimMarket
    polygon_rest: str
    polygon_feed: str
    polygon_faults: FaultSwitch
    kraken: KrakenStandIn
    kraken_addresses: KrakenAddresses
    kraken_control: str

    def describe(self) -> dict[str, object]:
        """Return what clients need to know, ready for JSON."""
        return {
            "polygon_rest": self.polygon_rest,
            "polygon_feed": self.polygon_feed,
            "kraken_rest": self.kraken_addresses.rest_url,
            "kraken_ws": self.kraken_addresses.ws_url,
            "kraken_ws_auth": self.kraken_addresses.ws_auth_url,
            "kraken_control": self.kraken_control,
            "live_start": self.market.live_start.isoformat(),
            "symbols": list(self.market.symbols),
            "market": self.market.description,
        }


@asynccontextmanager
async def running(
    market: SimMarket, settings: SimSettings, clock: Clock = utc_now
) -> AsyncIterator[StandIns]:
    """Serve `market` on free loopback ports while the context is open."""
    faults = FaultSwitch()
    stream = PolygonStream(market, settings.polygon_key, faults, clock)
    rest = PolygonRest(market, settings.polygon_key, faults, settings.calls_per_minute, clock)
    application = web.Application()
    application.add_routes([*rest.routes(), *stream.routes()])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=_GOODBYE_S)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    feed = f"127.0.0.1:{runner.addresses[0][1]}"
    kraken = KrakenStandIn(market, settings.kraken, clock)
    for fault in settings.kraken_faults:
        switch_on(kraken.faults, fault)
    addresses = await kraken.start()
    control = KrakenControl(kraken)
    control_url = await control.start(settings.kraken.host)
    publisher = asyncio.create_task(stream.publish_live())
    try:
        yield StandIns(market, f"http://{feed}", feed, faults, kraken, addresses, control_url)
    finally:
        publisher.cancel()
        with suppress(asyncio.CancelledError):
            await publisher
        await stream.close()
        await control.stop()
        await kraken.stop()
        await runner.cleanup()
