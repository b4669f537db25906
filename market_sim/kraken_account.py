"""What a client may ask and do with its account: Kraken's private REST methods."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.kraken_auth import TOKEN_LIFE, Authenticator
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_history import History
from market_sim.kraken_intake import Parameters, deadline, flag, new_order
from market_sim.kraken_limits import Limits
from market_sim.kraken_orders import Order, OrderRefusedError, OrderType, Trade
from market_sim.kraken_pairs import LOT_DECIMALS, asset_names, cut
from market_sim.kraken_timer import Timer
from market_sim.kraken_wire import describe

ORDER_LATENCY_S = 0.03
"""Before an order's answer, and again before its messages on the private stream."""

_TRADE_BALANCE = ("eb", "tb", "m", "n", "c", "v", "e", "mf")
_EARLY_S = 0.5
_SLOW_S = 5.0
_LAG_S = 5.0
_EARN_SHARE = 0.5
_REFUSALS = (
    (FaultName.KRAKEN_INVALID_NONCE, "EAPI:Invalid nonce"),
    (FaultName.KRAKEN_RATE_LIMIT, "EAPI:Rate limit exceeded"),
    (FaultName.KRAKEN_THROTTLED, "EService: Throttled: {}"),
    (FaultName.KRAKEN_LOCKOUT, "EGeneral:Temporary lockout"),
    (FaultName.KRAKEN_UNAVAILABLE, "EService:Unavailable"),
    (FaultName.KRAKEN_BUSY, "EService:Busy"),
    (FaultName.KRAKEN_INTERNAL_ERROR, "EGeneral:Internal error"),
)
_ORDER_REFUSALS = (
    (FaultName.KRAKEN_ORDER_RATE_LIMIT, "EOrder:Rate limit exceeded"),
    (FaultName.KRAKEN_CANCEL_ONLY, "EService:Market in cancel_only mode"),
    (FaultName.KRAKEN_INSUFFICIENT_FUNDS, "EOrder:Insufficient funds"),
)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the account's methods work with."""

    exchange: Exchange
    auth: Authenticator
    faults: FaultSwitch
    limits: Limits
    timer: Timer


class KrakenAccount:
    """`actions` by the method's name; they raise `OrderRefusedError` with Kraken's own text."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._exchange = desk.exchange
        self._faults = desk.faults
        history = History(desk.exchange, desk.faults)
        self.actions: dict[str, Callable[[Parameters], Awaitable[Any]]] = {
            "GetWebSocketsToken": self._token,
            "Balance": self._balance,
            "BalanceEx": self._balance_ex,
            "TradeBalance": self._trade_balance,
            "TradeVolume": self._trade_volume,
            "AddOrder": self._add_order,
            "CancelOrder": self._cancel_order,
            "CancelAll": self._cancel_all,
            "OpenOrders": history.open_orders,
            "ClosedOrders": history.closed_orders,
            "QueryOrders": history.query_orders,
            "QueryTrades": history.query_trades,
            "TradesHistory": history.trades_history,
        }

    def occasion(self, method: str, given: Parameters) -> Where:
        """Return what a call is about, as far as that can be told."""
        order = self._exchange.orders.get(given.get("txid", ""))
        if order is not None:
            return order.wanted.where(method)
        pairs = self._exchange.pairs.values()
        symbol = next((p.symbol for p in pairs if given.get("pair") in p.names()), None)
        if method != "AddOrder":
            return Where(symbol, None, method)
        return Where(symbol, given.get("type"), method, given.get("ordertype"))

    def admit(self, occasion: Where) -> None:
        """Raise `OrderRefusedError` if a call is refused before it is looked at."""
        for name, text in _REFUSALS:
            if self._faults.strikes(name, occasion):
                raise OrderRefusedError(text.format(int(self._exchange.clock().timestamp()) + 2))
        self._desk.limits.call(occasion.method or "")

    async def _token(self, _: Parameters) -> dict[str, Any]:
        token = self._desk.auth.new_token()
        return {"token": token, "expires": int(TOKEN_LIFE.total_seconds())}

    async def _balance(self, _: Parameters) -> dict[str, str]:
        return {asset: f"{amount:.10f}" for asset, amount in self._listed().items()}

    async def _balance_ex(self, _: Parameters) -> dict[str, dict[str, str]]:
        return {
            asset: {"balance": f"{amount:.10f}", "hold_trade": f"{self._held(asset):.10f}"}
            for asset, amount in self._listed().items()
        }

    def _held(self, asset: str) -> Decimal:
        whole = self._exchange.balances.get(asset, Decimal(0))
        return whole - self._exchange.available(asset)

    def _listed(self) -> dict[str, Decimal]:
        """Return the balances as the account's owner sees them."""
        amounts = dict(self._exchange.balances)
        lag = self._faults.struck(FaultName.KRAKEN_BALANCE_LAG)
        if lag is not None:
            seconds = _LAG_S if lag.amount is None else lag.amount
            since = self._exchange.clock() - timedelta(seconds=seconds)
            _without(amounts, [trade for trade in self._exchange.trades if trade.at > since])
        earning = self._faults.struck(FaultName.KRAKEN_EARN_BALANCE)
        if earning is None:
            return amounts
        share = Decimal(str(_EARN_SHARE if earning.amount is None else earning.amount))
        earned = {asset: cut(amount * share, LOT_DECIMALS) for asset, amount in amounts.items()}
        names = asset_names(self._exchange.pairs.values())
        kept = {asset: amount - earned[asset] for asset, amount in amounts.items()}
        return kept | {f"{names.get(a, a)}.F": amount for a, amount in earned.items()}

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
        pair = self._exchange.find_pair(given.get("pair", ""))
        wanted = new_order(given, pair, self._exchange.clock())
        latest = deadline(given, self._exchange.clock())
        where = wanted.where("AddOrder")
        await asyncio.sleep(ORDER_LATENCY_S)
        self._refuse_order(where)
        in_time = wanted.order_type is OrderType.LIMIT and wanted.post_only
        if not in_time and self._faults.strikes(FaultName.KRAKEN_POST_ONLY, where):
            raise OrderRefusedError("EService:Market in post_only mode")
        if latest is not None and self._exchange.clock() > latest:
            raise OrderRefusedError("EService:Deadline elapsed")
        answer: dict[str, Any] = {
            "descr": {"order": describe(wanted, pair.altname, pair.price_decimals)}
        }
        if flag(given, "validate"):
            self._exchange.check(wanted)
            return answer
        self._desk.limits.add(pair.symbol, self._exchange.orders)
        order = self._exchange.add(wanted)
        await self._start(order, where)
        return answer | {"txid": [order.id]}

    async def _start(self, order: Order, where: Where) -> None:
        """Have an accepted order worked: its answer mostly leaves before its messages."""
        early = self._faults.struck(FaultName.KRAKEN_EARLY_FILL, where)
        if early is None:
            work = self._exchange.work
            asyncio.get_running_loop().call_later(ORDER_LATENCY_S, work, order)
            return
        self._exchange.work(order)
        await self._desk.timer.sleep(_EARLY_S if early.amount is None else early.amount)

    def _refuse_order(self, where: Where) -> None:
        for name, text in _ORDER_REFUSALS:
            if self._faults.strikes(name, where):
                raise OrderRefusedError(text)

    async def _cancel_order(self, given: Parameters) -> dict[str, Any]:
        name = given.get("txid", given.get("cl_ord_id", ""))
        chosen = [o for o in self._exchange.open_orders() if name in _names(o)]
        pending = [self._cancel(order) for order in chosen]
        if not chosen:
            raise OrderRefusedError("EOrder:Unknown order")
        return {"count": len(chosen)} | ({"pending": True} if any(pending) else {})

    def _cancel(self, order: Order) -> bool:
        """Cancel an order; tell whether that takes its time."""
        where = order.wanted.where("CancelOrder")
        if self._faults.strikes(FaultName.KRAKEN_ORDER_RATE_LIMIT, where):
            raise OrderRefusedError("EOrder:Rate limit exceeded")
        self._desk.limits.cancel(order)
        if self._faults.strikes(FaultName.KRAKEN_FILLED_INSTEAD, where):
            self._exchange.fill(order)
        slow = self._faults.struck(FaultName.KRAKEN_SLOW_CANCEL, where)
        if slow is None:
            self._exchange.cancel(order.id)
            return False

        def cancel() -> None:
            if order.live:
                self._exchange.cancel(order.id)

        self._desk.timer.later(_SLOW_S if slow.amount is None else slow.amount, cancel)
        return True

    async def _cancel_all(self, _: Parameters) -> dict[str, Any]:
        chosen = self._exchange.open_orders()
        for order in chosen:
            self._exchange.cancel(order.id)
        return {"count": len(chosen)}


def _names(order: Order) -> set[str | None]:
    """Return what a cancellation may call an order: its id, its number, its name."""
    return {order.id, str(order.wanted.userref), order.wanted.name}


def _without(amounts: dict[str, Decimal], trades: list[Trade]) -> None:
    """Take trades out of balances."""
    for trade in trades:
        sign = 1 if trade.wanted.buy else -1
        amounts[trade.pair.base_asset] -= sign * trade.size
        amounts[trade.pair.quote_asset] += sign * trade.cost + trade.fee
