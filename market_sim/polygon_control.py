"""The Polygon stand-in's own address for tests in other processes: faults and storms.

It is no part of Polygon and listens on a port of its own.

- `/faults` is what `fault_routes` says.
- `POST /storm` with `{"seed": 1, "seconds": 3600, "every_s": 3}` lets faults come at random and
  answers which and when.
"""

import asyncio
from contextlib import suppress
from dataclasses import asdict

from aiohttp import web

from market_sim.fault_routes import FaultRoutes
from market_sim.faults import FaultSwitch
from market_sim.polygon_storm import polygon_storm, unleash


class PolygonControl:
    """Serves the switch of one stand-in."""

    def __init__(self, faults: FaultSwitch) -> None:
        self._faults = faults
        self._runner: web.AppRunner | None = None
        self._storms: list[asyncio.Task[None]] = []

    async def start(self, host: str = "127.0.0.1") -> str:
        """Listen on a free port and return the address."""
        application = web.Application()
        routes = FaultRoutes(self._faults).routes()
        application.add_routes([*routes, web.post("/storm", self._storm)])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        return f"http://{host}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """End every storm and stop listening."""
        for task in self._storms:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._runner is not None:
            await self._runner.cleanup()

    async def _storm(self, request: web.Request) -> web.Response:
        gusts = polygon_storm(**await request.json())
        self._storms.append(asyncio.create_task(unleash(gusts, self._faults)))
        return web.json_response([asdict(gust) for gust in gusts])
