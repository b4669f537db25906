"""Polygon.io's REST interface as far as history needs it: aggregates and reference tickers."""

import itertools
import json
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from market_sim.clock import Clock, utc_now
from market_sim.faults import FaultName, FaultSwitch
from market_sim.market import SimBar, SimMarket

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
_TIMESPANS = {"second": 1, "minute": 60}
_RATE_WINDOW = timedelta(minutes=1)
_request_numbers = itertools.count(1)


@dataclass(slots=True)
class PolygonRest:
    """Serves one market; `calls_per_minute` 0 is an unlimited plan."""

    market: SimMarket
    api_key: str
    faults: FaultSwitch
    calls_per_minute: int = 0
    clock: Clock = utc_now
    _calls: deque[datetime] = field(default_factory=deque, init=False)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        aggregates = "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{start}/{end}"
        return [
            web.get(aggregates, self.aggregates),
            web.get("/v3/reference/tickers", self.tickers),
        ]

    async def aggregates(self, request: web.Request) -> web.Response:
        """Answer one page of bars, with `next_url` while there are more."""
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        if _TIMESPANS.get(request.match_info["timespan"]) != self.market.bar_seconds:
            return _error(400, "this stand-in serves bars of one length; ask for that timespan")
        try:
            query = _Query.parse(request)
        except (ValueError, OverflowError) as error:
            return _error(400, str(error))
        return self._page(request, query)

    async def tickers(self, request: web.Request) -> web.Response:
        """Answer the reference data of one ticker or of all."""
        refusal = self._refuse(request)
        if refusal is not None:
            return refusal
        wanted = request.query.get("ticker")
        rows = [_reference(symbol) for symbol in self.market.symbols]
        found = [row for row in rows if wanted in (None, row["ticker"])]
        return web.json_response(
            {"results": found, "status": "OK", "request_id": _request_id(), "count": len(found)}
        )

    def _page(self, request: web.Request, query: "_Query") -> web.Response:
        bars = self._bars(query)
        page = bars[: query.limit]
        body: dict[str, Any] = {
            "ticker": query.ticker,
            "queryCount": len(page),
            "resultsCount": len(page),
            "adjusted": True,
            "status": "OK",
            "request_id": _request_id(),
            "count": len(page),
        }
        # As the real one: no key at all instead of an empty list.
        if page and not self.faults.strikes(FaultName.REST_EMPTY_PAGE):
            body["results"] = [aggregate(bar) for bar in page]
        if len(bars) > query.limit:
            body["next_url"] = _next_url(request, bars[query.limit])
        text = json.dumps(body)
        if self.faults.strikes(FaultName.REST_BROKEN_JSON):
            text = text[: len(text) // 2]
        return web.Response(text=text, content_type="application/json")

    def _bars(self, query: "_Query") -> list[SimBar]:
        """Return the bars of a page and the first of the next, if there is one."""
        symbol = {_ticker(symbol): symbol for symbol in self.market.symbols}.get(query.ticker)
        if symbol is None:
            return []
        now = self.clock()
        finished_before = self.market.start_of(self.market.step_at(now))
        bars = self.market.bars(
            symbol,
            query.start,
            min(query.end, finished_before),
            limit=query.limit + 1,
            newest_first=not query.ascending,
        )
        # As the real one, which answers with the bar under way as if it were whole.
        under_way = self.market.unfinished_bar(symbol, now)
        if under_way is None or not query.start <= under_way.start < query.end:
            return bars
        if not query.ascending:
            return [under_way, *bars]
        return bars if len(bars) > query.limit else [*bars, under_way]

    def _refuse(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        given = given or request.query.get("apiKey", "")
        if not given:
            return _error(401, "API Key was not provided")
        if given != self.api_key:
            return _error(401, "Unknown API Key")
        if self.faults.strikes(FaultName.REST_SERVER_ERROR):
            return _error(502, "bad gateway")
        if self._over_the_limit() or self.faults.strikes(FaultName.REST_RATE_LIMIT):
            return _error(429, "You've exceeded the maximum requests per minute")
        return None

    def _over_the_limit(self) -> bool:
        now = self.clock()
        while self._calls and self._calls[0] < now - _RATE_WINDOW:
            self._calls.popleft()
        if self.calls_per_minute and len(self._calls) >= self.calls_per_minute:
            return True
        self._calls.append(now)
        return False


@dataclass(frozen=True, slots=True)
class _Query:
    """What a page begins with is in its `cursor`, so that new bars move no page."""

    ticker: str
    start: datetime
    end: datetime
    limit: int
    ascending: bool

    @classmethod
    def parse(cls, request: web.Request) -> "_Query":
        limit = int(request.query.get("limit", DEFAULT_LIMIT))
        if not 0 < limit <= MAX_LIMIT:
            raise ValueError(f"limit must lie between 1 and {MAX_LIMIT}")
        if request.match_info["multiplier"] != "1":
            raise ValueError("this stand-in serves multiplier 1 only")
        ascending = request.query.get("sort", "asc") == "asc"
        start, _ = _interval(request.match_info["start"])
        _, end = _interval(request.match_info["end"])
        if "cursor" in request.query:
            first, after_first = _interval(request.query["cursor"])
            start, end = (first, end) if ascending else (start, after_first)
        return cls(request.match_info["ticker"], start, end, limit, ascending)


def aggregate(bar: SimBar) -> dict[str, Any]:
    """Return a bar in REST's form: `t` is its start in ms, `n` its trades."""
    return {
        "v": bar.volume,
        "vw": bar.vwap,
        "o": bar.open,
        "c": bar.close,
        "h": bar.high,
        "l": bar.low,
        "t": _ms(bar.start),
        "n": bar.transactions,
    }


def _interval(text: str) -> tuple[datetime, datetime]:
    """Return [begin, end) of a date, or of the millisecond of a timestamp."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day, day + timedelta(days=1)
    moment = datetime.fromtimestamp(int(text) / 1000, UTC)
    return moment, moment + timedelta(milliseconds=1)


def _next_url(request: web.Request, first: SimBar) -> str:
    names = {**request.query, "cursor": str(_ms(first.start))}
    names.pop("apiKey", None)
    return str(request.url.with_query(names))


def _reference(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("-")
    return {
        "ticker": _ticker(symbol),
        "name": f"{base} - {quote}",
        "market": "crypto",
        "locale": "global",
        "active": True,
        "currency_symbol": quote,
        "base_currency_symbol": base,
    }


def _ticker(symbol: str) -> str:
    return "X:" + symbol.replace("-", "")


def _ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


def _request_id() -> str:
    return f"{next(_request_numbers):032x}"


def _error(status: int, message: str) -> web.Response:
    body = {"status": "ERROR", "request_id": _request_id(), "error": message}
    return web.json_response(body, status=status)
