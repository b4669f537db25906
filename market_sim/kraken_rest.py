"""Kraken's REST interface: the public questions, and the frame of both kinds."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from market_sim.faults import FaultName, Where
from market_sim.kraken_account import Desk, KrakenAccount
from market_sim.kraken_auth import AuthRefusedError
from market_sim.kraken_gateway import Body, Gateway
from market_sim.kraken_orders import OrderRefusedError
from market_sim.kraken_pairs import COST_DECIMALS, LOT_DECIMALS, Pair, asset_names
from market_sim.kraken_status import system_status

Parameters = Mapping[str, str]
_BOOK_LEVELS = 100
_SHOWN_DECIMALS = {"ZUSD": 2, "ZEUR": 2}


class KrakenRest:
    """Serves one exchange and one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._faults = desk.faults
        self._account = KrakenAccount(desk)
        self._gateway = Gateway(desk.faults, desk.timer)
        self._questions: dict[str, Callable[[Parameters], Any]] = {
            "Time": self._time,
            "SystemStatus": self._system_status,
            "Assets": self._assets,
            "AssetPairs": self._asset_pairs,
            "Ticker": self._ticker,
            "Depth": self._depth,
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [
            web.get("/0/public/{method}", self._public),
            web.post("/0/public/{method}", self._public),
            web.post("/0/private/{method}", self._private),
        ]

    def close(self) -> None:
        """Forget the calls that are still on their way."""
        self._gateway.close()

    async def _public(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        occasion = Where(method=method)

        async def answer(delay_s: float) -> Body:
            question = self._questions.get(method)
            if question is None:
                return {"error": ["EGeneral:Unknown method"]}
            if self._faults.strikes(FaultName.KRAKEN_TOO_MANY_REQUESTS, occasion):
                return {"error": ["EGeneral:Too many requests"]}
            await self._desk.timer.sleep(delay_s)
            try:
                return {"error": [], "result": question(dict(request.query))}
            except OrderRefusedError as error:
                return {"error": [str(error)]}

        return await self._gateway.carry(request, occasion, answer)

    async def _private(self, request: web.Request) -> web.Response:
        method, body = request.match_info["method"], await request.text()
        occasion = self._account.occasion(method, dict(parse_qsl(body)))
        key, signature = request.headers.get("API-Key", ""), request.headers.get("API-Sign", "")

        async def answer(delay_s: float) -> Body:
            try:
                given = self._desk.auth.check(request.path, body, key, signature)
                action = self._account.actions.get(method)
                if action is None:
                    return {"error": ["EGeneral:Unknown method"]}
                self._account.admit(occasion)
                await self._desk.timer.sleep(delay_s)
                return {"error": [], "result": await action(given)}
            except (AuthRefusedError, OrderRefusedError) as error:
                return {"error": [str(error)]}

        return await self._gateway.carry(request, occasion, answer)

    def _time(self, _: Parameters) -> dict[str, Any]:
        now = self._exchange.clock()
        return {
            "unixtime": int(now.timestamp()),
            "rfc1123": now.strftime("%a, %d %b %y %H:%M:%S +0000"),
        }

    def _system_status(self, _: Parameters) -> dict[str, str]:
        now = self._exchange.clock()
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"status": system_status(self._faults), "timestamp": stamp}

    def _assets(self, _: Parameters) -> dict[str, Any]:
        names = asset_names(self._exchange.pairs.values())
        return {asset: _asset(asset, name) for asset, name in names.items()}

    def _asset_pairs(self, given: Parameters) -> dict[str, Any]:
        return {pair.key: self._details(pair) for pair in self._chosen(given)}

    def _details(self, pair: Pair) -> dict[str, Any]:
        status = system_status(self._faults, Where(pair.symbol))
        return pair.details(self._exchange.fees) | {"status": status}

    def _ticker(self, given: Parameters) -> dict[str, Any]:
        return {pair.key: self._ticker_of(pair) for pair in self._chosen(given)}

    def _depth(self, given: Parameters) -> dict[str, Any]:
        pair = self._exchange.find_pair(given.get("pair", ""))
        count = given.get("count", "")
        levels = min(int(count), _BOOK_LEVELS) if count.isdecimal() else _BOOK_LEVELS
        book, now = self._exchange.books[pair.symbol], int(self._exchange.clock().timestamp())
        asks, bids = (
            [
                [f"{price:.{pair.stream_decimals}f}", f"{size:.{LOT_DECIMALS}f}", now]
                for price, size in list(side.items())[:levels]
            ]
            for side in (book.asks, book.bids)
        )
        return {pair.key: {"asks": asks, "bids": bids}}

    def _chosen(self, given: Parameters) -> list[Pair]:
        if "pair" not in given:
            return list(self._exchange.pairs.values())
        return [self._exchange.find_pair(name) for name in given["pair"].split(",")]

    def _ticker_of(self, pair: Pair) -> dict[str, Any]:
        """Return the best prices and the last trade; no day's statistics are kept."""
        book, last = self._exchange.books[pair.symbol], self._exchange.tape.last[pair.symbol]
        nothing = (last.price, Decimal(0))
        best = [next(iter(side.items()), nothing) for side in (book.asks, book.bids)]
        ask, bid = (
            [f"{price:.{pair.stream_decimals}f}", str(int(size)), f"{size:.3f}"]
            for price, size in best
        )
        price = f"{last.price:.{pair.stream_decimals}f}"
        size = f"{last.size:.{LOT_DECIMALS}f}"
        twice = [price, price]
        return {
            "a": ask,
            "b": bid,
            "c": [price, size],
            "v": [size, size],
            "p": twice,
            "t": [1, 1],
            "l": twice,
            "h": twice,
            "o": price,
        }


def _asset(asset: str, altname: str) -> dict[str, Any]:
    return {
        "aclass": "currency",
        "altname": altname,
        "decimals": 4 if asset in _SHOWN_DECIMALS else 10,
        "display_decimals": _SHOWN_DECIMALS.get(asset, COST_DECIMALS),
        "status": "enabled",
    }
