"""Faults of a stand-in, switched from another process over HTTP.

- `GET /faults` gives what has happened, by name.
- `POST /faults` with `{"name": "kraken_busy", "remaining": 1, …}` switches a fault on; the other
  keys are those of `FaultSwitch.on`, and `symbol`, `side`, `method`, `order_type` of its filter.
- `DELETE /faults/{name}` switches one off, `DELETE /faults` all.
"""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from market_sim.faults import FaultName, FaultSwitch, Where

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


class FaultRoutes:
    """Serves one switch."""

    def __init__(self, faults: FaultSwitch) -> None:
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [
            web.get("/faults", self._happened),
            web.post("/faults", self._on),
            web.delete("/faults", self._all_off),
            web.delete("/faults/{name}", self._off),
        ]

    async def _happened(self, _: web.Request) -> web.Response:
        return web.json_response(self._faults.happened)

    async def _on(self, request: web.Request) -> web.Response:
        try:
            switch_on(self._faults, await request.json())
        except FaultRequestError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({})

    async def _all_off(self, _: web.Request) -> web.Response:
        self._faults.all_off()
        return web.json_response({})

    async def _off(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in set(FaultName):
            return web.json_response({"error": f"there is no fault {name}"}, status=404)
        self._faults.off(FaultName(name))
        return web.json_response({})
