"""Kraken's REST interface, public and private, as far as a spot bot uses it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_auth import Authenticator, AuthRefusedError
from market_sim.kraken_exchange import Exchange, NewOrder, OrderRefusedError
from market_sim.kraken_wire import closed_order_details, order_details, trade_details

ORDER_LATENCY_S = 0.03
_BOOK_LEVELS = 100


@dataclass(slots=True)
class KrakenRest:
    """Serves one exchange and one account."""

    exchange: Exchange
    auth: Authenticator
    faults: FaultSwitch

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        public = {
            "Time": self._time,
            "AssetPairs": self._asset_pairs,
            "Ticker": self._ticker,
            "Depth": self._depth,
        }
        private = {
            "GetWebSocketsToken": self._token,
            "Balance": self._balance,
            "AddOrder": self._add_order,
            "CancelOrder": self._cancel_order,
            "OpenOrders": self._open_orders,
            "ClosedOrders": self._closed_orders,
            "QueryOrders": self._query_orders,
            "QueryTrades": self._query_trades,
            "TradesHistory": self._trades_history,
        }
        routes = [web.get(f"/0/public/{n}", self._public(f)) for n, f in public.items()]
        return routes + [web.post(f"/0/private/{n}", self._private(f)) for n, f in private.items()]

    def _public(
        self, answer: Callable[[dict[str, str]], Any]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            try:
                return _answer(answer(dict(request.query)))
            except OrderRefusedError as error:
                return _refusal(str(error))

        return handle

    def _private(
        self, answer: Callable[[dict[str, str]], Awaitable[Any]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            key, signature = request.headers.get("API-Key", ""), request.headers.get("API-Sign", "")
            try:
                given = self.auth.check(request.path, await request.text(), key, signature)
                if self.faults.strikes(FaultName.KRAKEN_BUSY):
                    return _refusal("EService:Busy")
                return _answer(await answer(given))
            except (AuthRefusedError, OrderRefusedError) as error:
                return _refusal(str(error))
            except AcceptedButLostError:
                return web.Response(status=520, text="error code: 520")

        return handle

    def _time(self, _: dict[str, str]) -> dict[str, Any]:
        return {"unixtime": int(time.time()), "rfc1123": time.strftime("%a, %d %b %y %H:%M:%S")}

    def _asset_pairs(self, given: dict[str, str]) -> dict[str, Any]:
        pairs = list(self.exchange.pairs.values())
        if "pair" in given:
            pairs = [self.exchange.find_pair(name) for name in given["pair"].split(",")]
        return {pair.key: pair.details(self.exchange.fees) for pair in pairs}

    def _ticker(self, given: dict[str, str]) -> dict[str, Any]:
        pairs = list(self.exchange.pairs.values())
        if "pair" in given:
            pairs = [self.exchange.find_pair(name) for name in given["pair"].split(",")]
        return {pair.key: self._ticker_of(pair.symbol) for pair in pairs}

    def _ticker_of(self, symbol: str) -> dict[str, Any]:
        book = self.exchange.books[symbol]
        bid, ask = (book.price_text(price) for price in book.best())
        today = [bid, bid]
        return {
            "a": [ask, "1", "1.000"],
            "b": [bid, "1", "1.000"],
            "c": [bid, "0.01000000"],
            "v": ["100.0", "100.0"],
            "p": today,
            "t": [100, 100],
            "l": today,
            "h": today,
            "o": bid,
        }

    def _depth(self, given: dict[str, str]) -> dict[str, Any]:
        pair = self.exchange.find_pair(given.get("pair", ""))
        book = self.exchange.books[pair.symbol]
        now = int(time.time())

        def side(levels: dict[Decimal, Decimal], *, best_first: bool) -> list[list[Any]]:
            ordered = sorted(levels.items(), reverse=best_first)[:_BOOK_LEVELS]
            return [[book.price_text(price), f"{size:.3f}", now] for price, size in ordered]

        asks, bids = side(book.asks, best_first=False), side(book.bids, best_first=True)
        return {pair.key: {"asks": asks, "bids": bids}}

    async def _token(self, _: dict[str, str]) -> dict[str, Any]:
        return {"token": self.auth.new_token(), "expires": 900}

    async def _balance(self, _: dict[str, str]) -> dict[str, str]:
        return {asset: f"{amount:f}" for asset, amount in self.exchange.balances.items()}

    async def _add_order(self, given: dict[str, str]) -> dict[str, Any]:
        wanted = self._wanted(given)
        await asyncio.sleep(ORDER_LATENCY_S)
        order = self.exchange.add(wanted)
        # The answer leaves before the order's messages, as it mostly does at Kraken.
        asyncio.get_running_loop().call_later(ORDER_LATENCY_S, self.exchange.work, order)
        if self.faults.strikes(FaultName.KRAKEN_ACCEPTED_520):
            raise AcceptedButLostError
        description = order_details(order)["descr"]["order"]
        return {"descr": {"order": description}, "txid": [order.id]}

    def _wanted(self, given: dict[str, str]) -> NewOrder:
        try:
            order_type, side = given["ordertype"], given["type"]
            limit = Decimal(given["price"]) if order_type == "limit" else None
            size, userref = Decimal(given["volume"]), int(given.get("userref", "0"))
        except (KeyError, ValueError, InvalidOperation):
            raise OrderRefusedError("EGeneral:Invalid arguments") from None
        if order_type not in {"market", "limit"} or side not in {"buy", "sell"}:
            raise OrderRefusedError("EGeneral:Invalid arguments")
        return NewOrder(
            pair=self.exchange.find_pair(given.get("pair", "")),
            side=side,
            order_type=order_type,
            size=size,
            limit=limit,
            userref=userref,
            post_only="post" in given.get("oflags", "").split(","),
        )

    async def _cancel_order(self, given: dict[str, str]) -> dict[str, Any]:
        self.exchange.cancel(given.get("txid", ""))
        return {"count": 1}

    async def _open_orders(self, given: dict[str, str]) -> dict[str, Any]:
        wanted = given.get("userref")
        orders = self.exchange.open_orders()
        chosen = [o for o in orders if wanted is None or str(o.userref) == wanted]
        return {"open": {order.id: order_details(order) for order in chosen}}

    async def _closed_orders(self, given: dict[str, str]) -> dict[str, Any]:
        wanted = given.get("userref")
        orders = [order for order in self.exchange.orders.values() if not order.live]
        chosen = [o for o in orders if wanted is None or str(o.userref) == wanted]
        return {"closed": {o.id: closed_order_details(o) for o in chosen}, "count": len(chosen)}

    async def _query_orders(self, given: dict[str, str]) -> dict[str, Any]:
        names = given.get("txid", "").split(",")
        if any(name not in self.exchange.orders for name in names):
            raise OrderRefusedError("EOrder:Unknown order")
        return {name: order_details(self.exchange.orders[name]) for name in names}

    async def _query_trades(self, given: dict[str, str]) -> dict[str, Any]:
        trades = {trade.id: trade for trade in self.exchange.trades}
        names = given.get("txid", "").split(",")
        if any(name not in trades for name in names):
            raise OrderRefusedError("EOrder:Invalid order")
        return {name: trade_details(trades[name], stream=False) for name in names}

    async def _trades_history(self, _: dict[str, str]) -> dict[str, Any]:
        trades = {t.id: trade_details(t, stream=False) for t in self.exchange.trades}
        return {"trades": trades, "count": len(trades)}


class AcceptedButLostError(Exception):
    """The order was accepted, but the answer is a gateway's error."""


def _answer(result: Any) -> web.Response:
    return web.json_response({"error": [], "result": result})


def _refusal(error: str) -> web.Response:
    return web.json_response({"error": [error]})
