"""All stand-ins of one market in one process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from market_sim.clock import Clock, utc_now
from market_sim.fault_routes import switch_on
from market_sim.faults import FaultSwitch
from market_sim.kraken_control import KrakenControl
from market_sim.kraken_server import KrakenAddresses, KrakenSettings, KrakenStandIn
from market_sim.market import SimMarket
from market_sim.polygon_control import PolygonControl
from market_sim.polygon_server import PolygonStandIn, serving
from market_sim.polygon_ws import PolygonStream

if TYPE_CHECKING:
    from market_sim.flat_files import FlatFileStandIn


@dataclass(frozen=True, slots=True)
class SimSettings:
    """Keys of the accounts at the stand-ins; `calls_per_minute` 0 is an unlimited plan.

    `polygon_faults` and `kraken_faults` are on from the start, as `fault_routes.switch_on` takes
    them. With `flat_files` the days that are over are served as flat files, too.
    """

    polygon_key: str
    calls_per_minute: int = 0
    kraken: KrakenSettings = field(default_factory=KrakenSettings)
    polygon_faults: tuple[Mapping[str, Any], ...] = ()
    kraken_faults: tuple[Mapping[str, Any], ...] = ()
    flat_files: bool = False


@dataclass(frozen=True, slots=True)
class StandIns:
    """Running stand-ins and where they listen."""

    polygon: PolygonStandIn
    polygon_control: str
    kraken: KrakenStandIn
    kraken_addresses: KrakenAddresses
    kraken_control: str
    flat_files: "FlatFileStandIn | None" = None

    @property
    def market(self) -> SimMarket:
        """What they all show."""
        return self.polygon.stream.market

    @property
    def polygon_rest(self) -> str:
        """Where Polygon's REST is."""
        return self.polygon.url

    @property
    def polygon_feed(self) -> str:
        """Where Polygon's stream is, as host and port."""
        return self.polygon.address

    @property
    def polygon_faults(self) -> FaultSwitch:
        """What goes wrong at Polygon."""
        return self.polygon.faults

    def describe(self) -> dict[str, object]:
        """Return what clients need to know, ready for JSON."""
        return {
            "polygon_rest": self.polygon_rest,
            "polygon_feed": self.polygon_feed,
            "polygon_control": self.polygon_control,
            "flat_files": self.flat_files.url if self.flat_files else None,
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
    key, calls, host = settings.polygon_key, settings.calls_per_minute, settings.kraken.host
    async with (
        serving(market, key, calls_per_minute=calls, clock=clock) as polygon,
        _publishing(polygon.stream),
        _controlled(PolygonControl(polygon.faults), host) as polygon_control,
        _flat_files(market, settings, polygon.faults, clock) as flat_files,
    ):
        kraken = KrakenStandIn(market, settings.kraken, clock)
        for switch, faults in (
            (polygon.faults, settings.polygon_faults),
            (kraken.faults, settings.kraken_faults),
        ):
            for fault in faults:
                switch_on(switch, fault)
        addresses = await kraken.start()
        try:
            async with _controlled(KrakenControl(kraken), host) as kraken_control:
                yield StandIns(
                    polygon, polygon_control, kraken, addresses, kraken_control, flat_files
                )
        finally:
            await kraken.stop()


@asynccontextmanager
async def _flat_files(
    market: SimMarket, settings: SimSettings, faults: FaultSwitch, clock: Clock
) -> AsyncIterator["FlatFileStandIn | None"]:
    if not settings.flat_files:
        yield None
        return
    # Here, because moto takes more than a second to import.
    from market_sim.flat_file_days import flat_file, published_days
    from market_sim.flat_files import FlatFileStandIn

    stand_in = FlatFileStandIn(faults)
    await stand_in.start()
    try:
        for day, bars in published_days(market, clock()).items():
            await stand_in.publish(day, flat_file(bars))
        yield stand_in
    finally:
        await stand_in.stop()


@asynccontextmanager
async def _publishing(stream: PolygonStream) -> AsyncIterator[None]:
    publisher = asyncio.create_task(stream.publish_live())
    try:
        yield
    finally:
        publisher.cancel()
        with suppress(asyncio.CancelledError):
            await publisher


@asynccontextmanager
async def _controlled(control: PolygonControl | KrakenControl, host: str) -> AsyncIterator[str]:
    url = await control.start(host)
    try:
        yield url
    finally:
        await control.stop()
