"""What stands between a client and Kraken's REST interface: it loses, cuts, delays and spoils."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from market_sim.faults import Fault, FaultName, FaultSwitch, Where
from market_sim.kraken_timer import Timer

Body = dict[str, Any]
Act = Callable[[float], Coroutine[Any, Any, Body]]
"""Checks a call, waits for so many seconds, acts upon it, and returns what to answer."""

_GATEWAY_ERROR = 520
_TIMED_OUT = 504
_SLOW_S = 5.0
_LATE_S = 2.0
_PAGE = (
    "<!DOCTYPE html><html><head><title>api.kraken.com | {0}</title></head><body>{0}</body></html>"
)
_WORKS_IN_MAINTENANCE = frozenset({"Time", "SystemStatus"})
_NOT_ALWAYS = (
    FaultName.KRAKEN_ACCEPTED_520,
    FaultName.KRAKEN_ACCEPTED_CUT,
    FaultName.KRAKEN_ACCEPTED_ERROR,
)
"""Strike an AddOrder that was accepted, or the method that their filter names."""


class Gateway:
    """Carries calls there and answers back."""

    def __init__(self, faults: FaultSwitch, timer: Timer) -> None:
        self._faults = faults
        self._timer = timer
        self._late: set[asyncio.Task[Body]] = set()

    async def carry(self, request: web.Request, occasion: Where, act: Act) -> web.Response:
        """Return the answer to a call, or whatever a fault makes of it."""
        lost = self._lost(request, occasion)
        if lost is not None:
            return lost
        late = self._after(FaultName.KRAKEN_ACCEPTED_LATE, occasion)
        if late is not None:
            task = asyncio.create_task(act(_seconds(late, _LATE_S)))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            return _page(_TIMED_OUT)
        body = await act(_seconds(self._faults.struck(FaultName.KRAKEN_SLOW_REQUEST, occasion)))
        slow = self._faults.struck(FaultName.KRAKEN_SLOW_ANSWER, occasion)
        if slow is not None:
            await self._timer.sleep(_seconds(slow))
        return self._spoiled(request, occasion, body) or web.json_response(body)

    def close(self) -> None:
        """Forget the calls that are still on their way."""
        for task in list(self._late):
            task.cancel()

    def _lost(self, request: web.Request, occasion: Where) -> web.Response | None:
        """Return the answer to a call that never arrives, None if it does."""
        public = request.path.startswith("/0/public/")
        name = FaultName.KRAKEN_PUBLIC_5XX if public else FaultName.KRAKEN_PRIVATE_5XX
        error = self._faults.struck(name, occasion)
        if error is not None:
            return _page(error.amount)
        if self._faults.strikes(FaultName.KRAKEN_CUT, occasion):
            return _cut(request)
        closed = self._faults.active(FaultName.KRAKEN_MAINTENANCE)
        if closed is None or occasion.method in _WORKS_IN_MAINTENANCE:
            return None
        self._faults.strikes(FaultName.KRAKEN_MAINTENANCE)
        refusal = web.json_response({"error": ["EService:Unavailable"]})
        return refusal if closed.amount is None else _page(closed.amount)

    def _spoiled(self, request: web.Request, occasion: Where, body: Body) -> web.Response | None:
        """Return what comes instead of an answer, None if that comes."""
        if not body["error"]:
            lost, cut, error = (self._after(name, occasion) for name in _NOT_ALWAYS)
            if lost is not None:
                return _page(lost.amount)
            if cut is not None:
                return _cut(request)
            if error is not None:
                return web.json_response({"error": ["EGeneral:Internal error"]})
        page = self._faults.struck(FaultName.KRAKEN_HTML_ANSWER, occasion)
        if page is not None:
            return _page(page.amount or 200)
        if self._faults.strikes(FaultName.KRAKEN_TRUNCATED_ANSWER, occasion):
            text = json.dumps(body)
            return web.Response(text=text[: len(text) // 2], content_type="application/json")
        return None

    def _after(self, name: FaultName, occasion: Where) -> Fault | None:
        fault = self._faults.active(name, occasion)
        if fault is None or (fault.only.method is None and occasion.method != "AddOrder"):
            return None
        return self._faults.struck(name, occasion)


def _seconds(fault: Fault | None, usual: float = _SLOW_S) -> float:
    if fault is None:
        return 0.0
    return usual if fault.amount is None else fault.amount


def _page(amount: float | None) -> web.Response:
    status = int(amount or _GATEWAY_ERROR)
    text = _PAGE.format(f"{status}: Web server is returning an unknown error")
    return web.Response(status=status, text=text, content_type="text/html")


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
