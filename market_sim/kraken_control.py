"""The stand-in's own address for tests in other processes: the truth, faults, and outages.

It is no part of Kraken and listens on a port of its own, which outlives an outage.

- `GET /truth` gives what `kraken_truth.truth` says.
- `GET /faults` gives what has happened, by name.
- `POST /faults` with `{"name": "kraken_busy", "remaining": 1, …}` switches a fault on; the other
  keys are those of `FaultSwitch.on`, and `symbol`, `side`, `method`, `order_type` of its filter.
- `DELETE /faults/{name}` switches one off, `DELETE /faults` all.
- `POST /storm` with `{"seed": 1, "seconds": 3600, "every_s": 15}` lets faults come at random.
- `POST /outage` with `{"seconds": 10}` stops Kraken and starts it again on its port.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.kraken_server import KrakenStandIn
from market_sim.kraken_truth import truth

_FILTER = ("symbol", "side", "method", "order_type")
_SETTINGS = frozenset({"probability", "remaining", "amount", "for_s"})


class FaultRequestError(ValueError):
    """A request for a fault that does not exist, or with a setting that it does not have."""


def switch_on(faults: FaultSwitch, wanted: Mapping[str, Any]) -> None:
    """Switch a fault on as JSON asks for it; raise `FaultRequestError` if that makes no sense."""
    given = dict(wanted)
    try:
        name = FaultName(given.pop("name", ""))
    except ValueError as error:
        raise FaultRequestError(f"{error}; the names are in docs/market_sim.md") from None
    only = Where(**{key: given.pop(key) for key in _FILTER if key in given})
    unknown = given.keys() - _SETTINGS
    if unknown:
        raise FaultRequestError(f"a fault has no {', '.join(sorted(unknown))}")
    faults.on(name, only=only, **given)


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
                web.get("/faults", self._happened),
                web.post("/faults", self._on),
                web.delete("/faults", self._all_off),
                web.delete("/faults/{name}", self._off),
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

    async def _happened(self, _: web.Request) -> web.Response:
        return web.json_response(self._kraken.faults.happened)

    async def _on(self, request: web.Request) -> web.Response:
        try:
            switch_on(self._kraken.faults, await request.json())
        except FaultRequestError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})

    async def _all_off(self, _: web.Request) -> web.Response:
        self._kraken.faults.all_off()
        return web.json_response({})

    async def _off(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in set(FaultName):
            return web.json_response({"error": f"there is no fault {name}"}, status=404)
        self._kraken.faults.off(FaultName(name))
        return web.json_response({})

    async def _storm(self, request: web.Request) -> web.Response:
        gusts = self._kraken.storm(**await request.json())
        return web.json_response([asdict(gust) for gust in gusts])

    async def _go_down(self, request: web.Request) -> web.Response:
        if self._outage is not None and not self._outage.done():
            return web.json_response({"error": "it is down already"}, status=409)
        seconds = float((await request.json())["seconds"])
        self._outage = asyncio.create_task(self._kraken.outage(seconds))
        return web.json_response({})
