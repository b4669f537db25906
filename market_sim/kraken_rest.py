"""Kraken's REST interface: the public questions, and the frame of both kinds."""

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any

from aiohttp import web

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_account import AcceptedButLostError, KrakenAccount
from market_sim.kraken_auth import Authenticator, AuthRefusedError
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import OrderRefusedError
from market_sim.kraken_pairs import COST_DECIMALS, LOT_DECIMALS, Pair

Parameters = Mapping[str, str]
_BOOK_LEVELS = 100
_SHOWN_DECIMALS = {"ZUSD": 2, "ZEUR": 2}


class KrakenRest:
    """Serves one exchange and one account."""

    def __init__(self, exchange: Exchange, auth: Authenticator, faults: FaultSwitch) -> None:
        self._exchange = exchange
        self._auth = auth
        self._faults = faults
        self._account = KrakenAccount(exchange, auth, faults)
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

    async def _public(self, request: web.Request) -> web.Response:
        answer = self._questions.get(request.match_info["method"])
        if answer is None:
            return _refusal("EGeneral:Unknown method")
        try:
            return _answer(answer(dict(request.query)))
        except OrderRefusedError as error:
            return _refusal(str(error))

    async def _private(self, request: web.Request) -> web.Response:
        key, signature = request.headers.get("API-Key", ""), request.headers.get("API-Sign", "")
        try:
            given = self._auth.check(request.path, await request.text(), key, signature)
            return await self._asked(request.match_info["method"], given)
        except (AuthRefusedError, OrderRefusedError) as error:
            return _refusal(str(error))
        except AcceptedButLostError:
            return web.Response(status=520, text="error code: 520")

    async def _asked(self, method: str, given: Parameters) -> web.Response:
        action: Callable[[Parameters], Awaitable[Any]] | None = self._account.actions.get(method)
        if action is None:
            return _refusal("EGeneral:Unknown method")
        if self._faults.strikes(FaultName.KRAKEN_BUSY):
            return _refusal("EService:Busy")
        return _answer(await action(given))

    def _time(self, _: Parameters) -> dict[str, Any]:
        now = self._exchange.clock()
        return {
            "unixtime": int(now.timestamp()),
            "rfc1123": now.strftime("%a, %d %b %y %H:%M:%S +0000"),
        }

    def _system_status(self, _: Parameters) -> dict[str, str]:
        now = self._exchange.clock()
        return {"status": "online", "timestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _assets(self, _: Parameters) -> dict[str, Any]:
        pairs = self._exchange.pairs.values()
        names = {p.base_asset: p.altname.removesuffix(_quote(p)) for p in pairs}
        names |= {p.quote_asset: _quote(p) for p in pairs}
        return {asset: _asset(asset, name) for asset, name in names.items()}

    def _asset_pairs(self, given: Parameters) -> dict[str, Any]:
        return {pair.key: pair.details(self._exchange.fees) for pair in self._chosen(given)}

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


def _quote(pair: Pair) -> str:
    return pair.wsname.split("/")[1]


def _asset(asset: str, altname: str) -> dict[str, Any]:
    return {
        "aclass": "currency",
        "altname": altname,
        "decimals": 4 if asset in _SHOWN_DECIMALS else 10,
        "display_decimals": _SHOWN_DECIMALS.get(asset, COST_DECIMALS),
        "status": "enabled",
    }


def _answer(result: Any) -> web.Response:
    return web.json_response({"error": [], "result": result})


def _refusal(error: str) -> web.Response:
    return web.json_response({"error": [error]})
