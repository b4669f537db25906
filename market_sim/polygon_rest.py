"""Polygon.io's REST interface as far as history needs it: aggregates and reference tickers."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from aiohttp import web

from market_sim.clock import Clock, utc_now
from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.market import SimMarket
from market_sim.polygon_pages import DAY, MAX_LIMIT, PageQuery, Pages, request_id, ticker_of
from market_sim.polygon_tickers import ticker_page

_RATE_WINDOW = timedelta(minutes=1)
_STALL_S = 60.0
_DRIPS = 50
_RETRY_AFTER_S = 1.0


@dataclass(slots=True)
class PolygonRest:
    """Serves one market; `calls_per_minute` 0 is an unlimited plan.

    `delisted` are coins that were listed once, with the moment (UTC) of their end. A page holds
    `page_bars` bars at the most, whatever is asked for.
    """

    market: SimMarket
    api_key: str
    faults: FaultSwitch
    calls_per_minute: int = 0
    clock: Clock = utc_now
    delisted: Mapping[str, datetime] = field(default_factory=dict)
    page_bars: int = MAX_LIMIT
    answered: int = field(default=0, init=False)
    _calls: deque[datetime] = field(default_factory=deque, init=False)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        aggregates = "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{start}/{end}"
        return [
            web.get(aggregates, self.aggregates),
            web.get("/v3/reference/tickers", self.tickers),
        ]

    async def aggregates(self, request: web.Request) -> web.StreamResponse:
        """Answer one page of bars, with `next_url` while there are more."""
        path = dict(request.match_info)
        where = Where(symbol=self._symbol(path["ticker"]), method=path["timespan"])
        refusal = await self._refuse(request, where)
        if refusal is not None:
            return refusal
        try:
            query = PageQuery.parse(path, dict(request.query))
        except (ValueError, OverflowError) as error:
            return _error(400, str(error))
        if query.length not in (DAY, timedelta(seconds=self.market.bar_seconds)):
            return _error(400, "this stand-in serves bars of one length; ask for that timespan")
        query = replace(query, limit=min(query.limit, self.page_bars))
        pages = Pages(self.market, self.faults, self.clock)
        return await self._send(request, where, pages.text(query, request.url))

    async def tickers(self, request: web.Request) -> web.StreamResponse:
        """Answer one page of the coins that are listed, or with `active=false` were."""
        where = Where(method="tickers")
        refusal = await self._refuse(request, where)
        if refusal is not None:
            return refusal
        try:
            body = ticker_page(self.market.symbols, self.delisted, request.url)
        except ValueError as error:
            return _error(400, str(error))
        return await self._send(request, where, json.dumps(body))

    async def _send(self, request: web.Request, where: Where, text: str) -> web.StreamResponse:
        """Send an answer as a whole, in drops, in part, or broken."""
        if self.faults.strikes(FaultName.REST_BROKEN_JSON, where):
            text = text[: len(text) // 2]
        self.answered += 1
        drip = self.faults.struck(FaultName.REST_SLOW_DRIP, where)
        if drip is not None:
            return await _drip(request, text.encode(), drip.amount or _STALL_S)
        if self.faults.strikes(FaultName.REST_CUT_BODY, where):
            return await _cut_short(request, text.encode())
        return web.Response(text=text, content_type="application/json")

    async def _refuse(self, request: web.Request, where: Where) -> web.StreamResponse | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = given or request.query.get("apiKey", "")
        if not given:
            return _error(401, "API Key was not provided")
        if given != self.api_key:
            return _error(401, "Unknown API Key")
        error = self.faults.struck(FaultName.REST_SERVER_ERROR, where)
        if error is not None:
            return _error(int(error.amount or 502), "bad gateway")
        stall = self.faults.struck(FaultName.REST_STALL, where)
        if stall is not None:
            await asyncio.sleep(stall.amount or _STALL_S)
            return _cut(request)
        if self.faults.strikes(FaultName.REST_RESET, where):
            return _cut(request)
        return self._over_the_limit(where)

    def _over_the_limit(self, where: Where) -> web.Response | None:
        told = self.faults.struck(FaultName.REST_RETRY_AFTER, where)
        if told is not None:
            return _too_many(str(round(told.amount or _RETRY_AFTER_S)))
        if self.faults.strikes(FaultName.REST_RATE_LIMIT, where):
            return _too_many()
        now = self.clock()
        while self._calls and self._calls[0] < now - _RATE_WINDOW:
            self._calls.popleft()
        if self.calls_per_minute and len(self._calls) >= self.calls_per_minute:
            return _too_many()
        self._calls.append(now)
        return None

    def _symbol(self, ticker: str) -> str | None:
        return {ticker_of(symbol): symbol for symbol in self.market.symbols}.get(ticker)


async def _drip(request: web.Request, body: bytes, seconds: float) -> web.StreamResponse:
    """Send an answer in small pieces over so many seconds."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    size = max(1, len(body) // _DRIPS)
    # A client that has had enough goes away meanwhile.
    with suppress(ConnectionError):
        for first in range(0, len(body), size):
            await asyncio.sleep(seconds / _DRIPS)
            await response.write(body[first : first + size])
    return response


async def _cut_short(request: web.Request, body: bytes) -> web.StreamResponse:
    """Send the first half of what was announced, then cut the connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _too_many(retry_after_s: str | None = None) -> web.Response:
    answer = _error(429, "You've exceeded the maximum requests per minute")
    if retry_after_s is not None:
        answer.headers["Retry-After"] = retry_after_s
    return answer


def _error(status: int, message: str) -> web.Response:
    body = {"status": "ERROR", "request_id": request_id(), "error": message}
    return web.json_response(body, status=status)
