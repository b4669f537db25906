"""A Polygon.io of this computer whose bars come when the test says so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiohttp import web

from market_sim.faults import FaultSwitch
from market_sim.histories import seeded_histories
from market_sim.market import SimMarket
from market_sim.polygon_rest import PolygonRest
from market_sim.polygon_ws import PolygonStream
from signal_server.core.config import PolygonConfig

KEY = "test-key"
SYMBOLS = ("BTC-USD", "ETH-USD")
HISTORY_BARS = 400
LIVE_BARS = 200
PATIENCE_S = 20

Scene = Callable[[web.WebSocketResponse], Awaitable[None]]
"""What the stream does to one client instead of serving it."""


@dataclass(slots=True)
class Vendor:
    """The stand-ins over sockets; `clock` is the time at which the market has arrived.

    The market lies in the past of the computer's clock, so REST knows every bar of it, and
    the stream sends the bar of a step when `publish` is called.
    """

    market: SimMarket
    rest: PolygonRest
    stream: PolygonStream
    faults: FaultSwitch
    scenes: deque[Scene] = field(default_factory=deque)
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    step: int = HISTORY_BARS

    def clock(self) -> datetime:
        seconds = (self.step - HISTORY_BARS) * self.market.bar_seconds
        return self.market.live_start + timedelta(seconds=seconds)

    def config(self, *, timeout_s: float = 5.0, calls_per_minute: int = 0) -> PolygonConfig:
        return PolygonConfig(
            rest_url=f"http://127.0.0.1:{self.port}",
            feed=f"127.0.0.1:{self.port}",
            secure=False,
            calls_per_minute=calls_per_minute,
            timeout_s=timeout_s,
        )

    async def publish(self, steps: int = 1) -> None:
        """Let bars end, and tell who listens."""
        for _ in range(steps):
            self.step += 1
            await self.stream.publish_step(self.step - 1)

    async def subscribed(self) -> None:
        """Wait until a client has asked for all symbols."""
        await eventually(
            lambda: any(len(s.topics) == len(SYMBOLS) for s in self.stream._subscribers)
        )

    async def connect(self, request: web.Request) -> web.StreamResponse:
        self.connections += 1
        if not self.scenes:
            return await self.stream.connect(request)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self.scenes.popleft()(socket)
        return socket


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is awaited happens behind a socket)
            await asyncio.sleep(0.005)


@asynccontextmanager
async def vendor(bar_seconds: int = 1) -> AsyncIterator[Vendor]:
    """Serve a seeded market whose live part begins far enough in the past."""
    market = SimMarket(
        seeded_histories(SYMBOLS, 7, HISTORY_BARS + LIVE_BARS),
        description="a seeded model of a market",
        bar_seconds=bar_seconds,
        live_start=_whole_minute() - timedelta(seconds=(LIVE_BARS + 60) * bar_seconds),
        history_bars=HISTORY_BARS,
    )
    async with serving(market) as served:
        yield served


@asynccontextmanager
async def serving(market: SimMarket) -> AsyncIterator[Vendor]:
    faults = FaultSwitch()
    rest, stream = PolygonRest(market, KEY, faults), PolygonStream(market, KEY, faults)
    served = Vendor(market, rest, stream, faults)

    @web.middleware
    async def noting(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        served.paths.append(request.path)
        return await handler(request)

    application = web.Application(middlewares=[noting])
    application.add_routes([*rest.routes(), web.get("/crypto", served.connect)])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.port = runner.addresses[0][1]
    try:
        yield served
    finally:
        await stream.close()
        await runner.cleanup()


def _whole_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
