"""What a client may ask and do with its account: Kraken's private REST methods."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_auth import TOKEN_LIFE, Authenticator
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import NewOrder, Order, OrderRefusedError, OrderType, Side
from market_sim.kraken_wire import describe, rest_order, rest_trade

Parameters = Mapping[str, str]
ORDER_LATENCY_S = 0.03
"""Before an order's answer, and again before its messages on the private stream."""

_TRADE_BALANCE = ("eb", "tb", "m", "n", "c", "v", "e", "mf")


class AcceptedButLostError(Exception):
    """The order was accepted, but the answer is a gateway's error."""


class KrakenAccount:
    """`actions` by the method's name; they raise `OrderRefusedError` with Kraken's own text."""

    def __init__(self, exchange: Exchange, auth: Authenticator, faults: FaultSwitch) -> None:
        self._exchange = exchange
        self._auth = auth
        self._faults = faults
        self.actions: dict[str, Callable[[Parameters], Awaitable[Any]]] = {
            "GetWebSocketsToken": self._token,
            "Balance": self._balance,
            "TradeBalance": self._trade_balance,
            "TradeVolume": self._trade_volume,
            "AddOrder": self._add_order,
            "CancelOrder": self._cancel_order,
            "CancelAll": self._cancel_all,
            "OpenOrders": self._open_orders,
            "ClosedOrders": self._closed_orders,
            "QueryOrders": self._query_orders,
            "QueryTrades": self._query_trades,
            "TradesHistory": self._trades_history,
        }

    async def _token(self, _: Parameters) -> dict[str, Any]:
        return {"token": self._auth.new_token(), "expires": int(TOKEN_LIFE.total_seconds())}

    async def _balance(self, _: Parameters) -> dict[str, str]:
        return {asset: f"{amount:.10f}" for asset, amount in self._exchange.balances.items()}

    async def _trade_balance(self, _: Parameters) -> dict[str, str]:
        """Return the account's value in dollars: everything else is about margin, and zero."""
        last = {t.pair.base_asset: t.price for t in self._exchange.tape.last.values()}
        amounts = self._exchange.balances.items()
        worth = sum((last.get(a, Decimal(a == "ZUSD")) * n for a, n in amounts), Decimal(0))
        free = self._exchange.available("ZUSD")
        values = {"eb": worth, "tb": worth, "e": worth, "mf": free}
        return {name: f"{values.get(name, 0):.4f}" for name in _TRADE_BALANCE}

    async def _trade_volume(self, given: Parameters) -> dict[str, Any]:
        fees = self._exchange.fees
        names = given.get("pair", "").split(",") if given.get("pair") else []
        pairs = [self._exchange.find_pair(name).key for name in names]

        def schedule(share: Decimal) -> dict[str, dict[str, str | None]]:
            percent = f"{share * 100:.4f}"
            fee = {"fee": percent, "minfee": percent, "maxfee": percent, "nextfee": None}
            return {pair: fee | {"nextvolume": None, "tiervolume": "0.0000"} for pair in pairs}

        volume = sum((trade.cost for trade in self._exchange.trades), Decimal(0))
        answer = {"currency": "ZUSD", "volume": f"{volume:.4f}", "fees": schedule(fees.taker)}
        return answer | {"fees_maker": schedule(fees.maker)}

    async def _add_order(self, given: Parameters) -> dict[str, Any]:
        wanted = self._wanted(given)
        await asyncio.sleep(ORDER_LATENCY_S)
        order = self._exchange.add(wanted)
        # The answer leaves before the order's messages, as it mostly does at Kraken.
        asyncio.get_running_loop().call_later(ORDER_LATENCY_S, self._exchange.work, order)
        if self._faults.strikes(FaultName.KRAKEN_ACCEPTED_520):
            raise AcceptedButLostError
        text = describe(order.wanted, order.pair.altname, order.pair.price_decimals)
        return {"descr": {"order": text}, "txid": [order.id]}

    def _wanted(self, given: Parameters) -> NewOrder:
        pair = self._exchange.find_pair(given.get("pair", ""))
        kind = _argument(given, "ordertype", OrderType)
        return NewOrder(
            pair=pair,
            side=_argument(given, "type", Side),
            order_type=kind,
            size=_argument(given, "volume", _amount),
            limit=_argument(given, "price", _amount) if kind is OrderType.LIMIT else None,
            userref=_argument({"userref": "0", **given}, "userref", int),
            post_only="post" in given.get("oflags", "").split(","),
            trigger=_argument(given, "price", _amount) if kind is OrderType.STOP_LOSS else None,
        )

    async def _cancel_order(self, given: Parameters) -> dict[str, Any]:
        name = given.get("txid", "")
        mine = [o.id for o in self._exchange.open_orders() if str(o.wanted.userref) == name]
        chosen = mine or [name]
        for order_id in chosen:
            self._exchange.cancel(order_id)
        return {"count": len(chosen)}

    async def _cancel_all(self, _: Parameters) -> dict[str, Any]:
        chosen = self._exchange.open_orders()
        for order in chosen:
            self._exchange.cancel(order.id)
        return {"count": len(chosen)}

    async def _open_orders(self, given: Parameters) -> dict[str, Any]:
        return {"open": _listed(self._exchange.open_orders(), given)}

    async def _closed_orders(self, given: Parameters) -> dict[str, Any]:
        ended = [order for order in self._exchange.orders.values() if not order.live]
        listed = _listed(reversed(ended), given)
        return {"closed": listed, "count": len(listed)}

    async def _query_orders(self, given: Parameters) -> dict[str, Any]:
        names = given.get("txid", "").split(",")
        if any(name not in self._exchange.orders for name in names):
            raise OrderRefusedError("EOrder:Unknown order")
        return {name: rest_order(self._exchange.orders[name]) for name in names}

    async def _query_trades(self, given: Parameters) -> dict[str, Any]:
        trades = {trade.id: trade for trade in self._exchange.trades}
        names = given.get("txid", "").split(",")
        if any(name not in trades for name in names):
            raise OrderRefusedError("EOrder:Invalid order")
        return {name: rest_trade(trades[name]) for name in names}

    async def _trades_history(self, given: Parameters) -> dict[str, Any]:
        trades = self._exchange.trades[::-1]
        first = _argument({"ofs": "0", **given}, "ofs", int)
        page = trades[first : first + 50]
        return {"trades": {t.id: rest_trade(t) for t in page}, "count": len(trades)}


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount <= 0:
        raise ValueError(text)
    return amount


def _argument[T](given: Parameters, name: str, convert: Callable[[str], T]) -> T:
    try:
        return convert(given[name])
    except (KeyError, ValueError, InvalidOperation):
        raise OrderRefusedError(f"EGeneral:Invalid arguments:{name}") from None


def _listed(orders: Iterable[Order], given: Parameters) -> dict[str, Any]:
    userref = given.get("userref")
    chosen = (o for o in orders if userref is None or str(o.wanted.userref) == userref)
    return {order.id: rest_order(order) for order in chosen}
