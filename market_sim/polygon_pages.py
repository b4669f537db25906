"""Pages of Polygon's aggregates, and everything that can be wrong with one."""

import itertools
import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from yarl import URL

from market_sim.clock import Clock
from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.market import SimBar, SimMarket

DEFAULT_LIMIT = 5_000
MAX_LIMIT = 50_000
DAY = timedelta(days=1)
_SPANS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "day": DAY}
_OVERLAP_BARS = 5
_request_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A page: bars that begin in [start, end), UTC; `go_on` is where the one after it begins."""

    ticker: str
    timespan: str
    start: datetime
    end: datetime
    limit: int
    ascending: bool
    go_on: str = ""

    @property
    def length(self) -> timedelta:
        """How long a bar is."""
        return _SPANS[self.timespan]

    @classmethod
    def parse(cls, path: dict[str, str], query: dict[str, str]) -> "PageQuery":
        """Read a request; raise ValueError or OverflowError if it makes no sense.

        What a page begins with is in its `cursor`, so that new bars move no page.
        """
        limit = int(query.get("limit", DEFAULT_LIMIT))
        if not 0 < limit <= MAX_LIMIT:
            raise ValueError(f"limit must lie between 1 and {MAX_LIMIT}")
        if path["multiplier"] != "1" or path["timespan"] not in _SPANS:
            raise ValueError("this stand-in serves bars of one second, minute or day only")
        ascending = query.get("sort", "asc") == "asc"
        start, end = _interval(path["start"])[0], _interval(path["end"])[1]
        if "cursor" in query:
            first, after_first = _interval(query["cursor"])
            start, end = (first, end) if ascending else (start, after_first)
        if "before" in query:
            end = min(end, _interval(query["before"])[0])
        wanted = cls(path["ticker"], path["timespan"], start, end, limit, ascending)
        return replace(wanted, go_on=query.get("then", ""))


@dataclass(frozen=True, slots=True)
class Page:
    """Bars, and how the query of the next page differs; None if there is none."""

    bars: list[SimBar]
    following: dict[str, str] | None
    elsewhere: bool = False


class Pages:
    """Turns queries into pages of one market."""

    def __init__(self, market: SimMarket, faults: FaultSwitch, clock: Clock) -> None:
        self._market = market
        self._faults = faults
        self._clock = clock

    def text(self, query: PageQuery, url: URL) -> str:
        """Return the JSON of the page that `query`, read from `url`, asks for."""
        symbol = {ticker_of(symbol): symbol for symbol in self._market.symbols}.get(query.ticker)
        if symbol is None:
            return json.dumps(_body(query, []))
        if query.timespan == "day":
            return json.dumps(_body(query, self._days(symbol, query)[: query.limit]))
        where = Where(symbol=symbol, method=query.timespan)
        page = self._spoiled(self._page(symbol, query, where), query, where)
        body = _body(query, page.bars)
        if page.bars and self._faults.strikes(FaultName.REST_EMPTY_PAGE, where):
            del body["results"]
        if page.following is not None:
            body["next_url"] = str(self._next_url(url, page))
        return json.dumps(body)

    def _page(self, symbol: str, query: PageQuery, where: Where) -> Page:
        swapping = FaultName.REST_SWAPPED_PAGES in self._faults.names
        bars = self._bars(symbol, query, (2 if swapping else 1) * query.limit + 1)
        page, later = bars[: query.limit], bars[query.limit :]
        if not later:
            return Page(page, {"cursor": query.go_on} if query.go_on else None)
        swapping = swapping and query.ascending
        if swapping and self._faults.strikes(FaultName.REST_SWAPPED_PAGES, where):
            then = str(ms(later[query.limit].start)) if len(later) > query.limit else ""
            missed = {"cursor": str(ms(page[0].start)), "before": str(ms(later[0].start))}
            return Page(later[: query.limit], missed | {"then": then})
        first = later[0]
        long_enough = len(page) > _OVERLAP_BARS
        if long_enough and self._faults.strikes(FaultName.REST_OVERLAPPING_PAGE, where):
            first = page[-_OVERLAP_BARS]
        return Page(page, {"cursor": str(ms(first.start))})

    def _spoiled(self, page: Page, query: PageQuery, where: Where) -> Page:
        """Return what becomes of a page that holds bars."""
        if not page.bars:
            return page
        if self._faults.strikes(FaultName.REST_SILENT_PAGE, where):
            return Page([], None)
        if self._faults.strikes(FaultName.REST_PAGE_LOOP, where):
            page = replace(page, following={"cursor": str(ms(page.bars[0].start))})
        if self._faults.strikes(FaultName.REST_PAGE_ELSEWHERE, where):
            following = page.following or {"cursor": str(ms(query.start))}
            page = replace(page, following=following, elsewhere=True)
        return replace(page, bars=self._spoiled_bars(page.bars, where))

    def _spoiled_bars(self, bars: list[SimBar], where: Where) -> list[SimBar]:
        if self._faults.strikes(FaultName.REST_IMPOSSIBLE_BAR, where):
            odd = bars[len(bars) // 2]
            spoiled = replace(odd, high=odd.low * 0.99)
            bars = [spoiled if bar is odd else bar for bar in bars]
        if self._faults.strikes(FaultName.REST_DUPLICATE_BARS, where):
            bars = [bar for bar in bars for _ in range(2)]
        if len(bars) > 1 and self._faults.strikes(FaultName.REST_UNORDERED_PAGE, where):
            bars = Random(len(bars)).sample(bars, len(bars))  # noqa: S311 - a simulation
        return bars

    def _next_url(self, url: URL, page: Page) -> URL:
        names = {k: v for k, v in url.query.items() if k not in ("apiKey", "before", "then")}
        names |= {name: value for name, value in (page.following or {}).items() if value}
        if page.elsewhere:
            others = [ticker_of(symbol) for symbol in self._market.symbols]
            here = next(ticker for ticker in others if ticker in url.path)
            there = next((ticker for ticker in others if ticker != here), "X:NOPEUSD")
            url = url.with_path(url.path.replace(here, there))
        return url.with_query(names)

    def _bars(self, symbol: str, query: PageQuery, limit: int) -> list[SimBar]:
        now = self._clock()
        finished_before = self._market.start_of(self._market.step_at(now))
        found = self._market.bars(
            symbol,
            query.start,
            min(query.end, finished_before),
            limit=limit,
            newest_first=not query.ascending,
        )
        bars = [self._market.as_told(bar) for bar in found]
        # As the real one, which answers with the bar under way as if it were whole.
        under_way = self._market.unfinished_bar(symbol, now)
        if under_way is None or not query.start <= under_way.start < query.end:
            return bars
        if not query.ascending:
            return [under_way, *bars]
        return bars if len(bars) >= limit else [*bars, under_way]

    def _days(self, symbol: str, query: PageQuery) -> list[SimBar]:
        """Return whole days, each up to now; the first is the one that `start` lies in."""
        start = query.start.replace(hour=0, minute=0, second=0, microsecond=0)
        whole = replace(query, start=start, ascending=True, end=query.end + DAY)
        bars = self._bars(symbol, whole, MAX_LIMIT * MAX_LIMIT)
        groups = itertools.groupby(bars, key=lambda bar: bar.start.date())
        days = [_merged(list(group)) for _, group in groups]
        inside = [day for day in days if day.start < query.end]
        return inside if query.ascending else inside[::-1]


def aggregate(bar: SimBar) -> dict[str, Any]:
    """Return a bar in REST's form: `t` is its start in ms, `n` its trades."""
    return {
        "v": bar.volume,
        "vw": bar.vwap,
        "o": bar.open,
        "c": bar.close,
        "h": bar.high,
        "l": bar.low,
        "t": ms(bar.start),
        "n": bar.transactions,
    }


def ticker_of(symbol: str) -> str:
    """Return a symbol as REST names it."""
    return "X:" + symbol.replace("-", "")


def ms(when: datetime) -> int:
    """Return a time in milliseconds since 1970."""
    return round(when.timestamp() * 1000)


def request_id() -> str:
    """Return the number of an answer."""
    return f"{next(_request_numbers):032x}"


def _body(query: PageQuery, bars: list[SimBar]) -> dict[str, Any]:
    body: dict[str, Any] = {
        "ticker": query.ticker,
        "queryCount": len(bars),
        "resultsCount": len(bars),
        "adjusted": True,
        "status": "OK",
        "request_id": request_id(),
        "count": len(bars),
    }
    # As the real one: no key at all instead of an empty list.
    if bars:
        body["results"] = [aggregate(bar) for bar in bars]
    return body


def _merged(bars: list[SimBar]) -> SimBar:
    volume = sum(bar.volume for bar in bars)
    value = sum(bar.vwap * bar.volume for bar in bars)
    return replace(
        bars[0],
        start=bars[0].start.replace(hour=0, minute=0, second=0, microsecond=0),
        high=max(bar.high for bar in bars),
        low=min(bar.low for bar in bars),
        close=bars[-1].close,
        volume=volume,
        vwap=value / volume if volume else bars[-1].close,
        transactions=sum(bar.transactions for bar in bars),
    )


def _interval(text: str) -> tuple[datetime, datetime]:
    """Return [begin, end) of a date, or of the millisecond of a timestamp."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        return day, day + DAY
    moment = datetime.fromtimestamp(int(text) / 1000, UTC)
    return moment, moment + timedelta(milliseconds=1)
