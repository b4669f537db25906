"""The stand-in's own address for tests in other processes: the truth, faults, and outages.

It is no part of Kraken and listens on a port of its own, which outlives an outage.

- `GET /truth` gives what `kraken_truth.truth` says.
- `/faults` is what `fault_routes` says.
- `POST /storm` with `{"seed": 1, "seconds": 3600, "every_s": 15}` lets faults come at random.
- `POST /outage` with `{"seconds": 10}` stops Kraken and starts it again on its port.
"""

import asyncio
from dataclasses import asdict

from aiohttp import web

from market_sim.fault_routes import FaultRoutes
from market_sim.kraken_server import KrakenStandIn
from market_sim.kraken_truth import truth


class KrakenControl:
    """Serves one stand-in's truth and switches."""

    def __init__(self, kraken: KrakenStandIn) -> None:
        self._kraken = kraken
        self._runner: web.AppRunner | None = None
        self._outage: asyncio.Task[None] | None = None

    async def start(self, host: str) -> str:
        """Listen on a free port and return the address."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/truth", self._truth),
                *FaultRoutes(self._kraken.faults).routes(),
                web.post("/storm", self._storm),
                web.post("/outage", self._go_down),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Stop listening, after an outage if there is one."""
        if self._outage is not None:
            await self._outage
        if self._runner is not None:
            await self._runner.cleanup()

    async def _truth(self, _: web.Request) -> web.Response:
        return web.json_response(truth(self._kraken.exchange))

    async def _storm(self, request: web.Request) -> web.Response:
        gusts = self._kraken.storm(**await request.json())
        return web.json_response([asdict(gust) for gust in gusts])

    async def _go_down(self, request: web.Request) -> web.Response:
        if self._outage is not None and not self._outage.done():
            return web.json_response({"error": "it is down already"}, status=409)
        seconds = float((await request.json())["seconds"])
        self._outage = asyncio.create_task(self._kraken.outage(seconds))
        return web.json_response({})
