"""Answers Kraken's private methods from the paper account, as late as Kraken would."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..clock import Clock
from .account import PaperAccount
from .history import PaperHistory
from .intake import Parameters, deadline_of, ids_of, wanted_of
from .matching import Market
from .orders import Change, PaperOrder, RefusedError
from .pairs import Pair
from .wire import describe, rest_balances

MarketOf = Callable[[str], Market]
"""The book of a symbol, as it can be believed now."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from a request to the engine, from there back, and to the private stream."""

    order_s: float = 0.15
    answer_s: float = 0.05
    stream_s: float = 0.06


class PaperDesk:
    """One account's private interface; `tell` hears of every change.

    Raises `RefusedError` with Kraken's own text.
    """

    def __init__(
        self,
        account: PaperAccount,
        pairs: Mapping[str, Pair],
        market_of: MarketOf,
        clock: Clock,
        tell: Callable[[Change, Pair], None],
    ) -> None:
        """Play the exchange for `account`; `pairs` by Hummingbot's symbol."""
        self.latency = Latency()
        self._account = account
        self._pairs = pairs
        self._market_of = market_of
        self._clock = clock
        self._tell = tell
        self._symbols = {name: pair.symbol for pair in pairs.values() for name in pair.names()}
        history = PaperHistory(account, pairs)
        self._questions: dict[str, Callable[[Parameters], dict[str, Any]]] = {
            "GetWebSocketsToken": lambda _: {"token": "paper", "expires": 900},
            "Balance": lambda _: rest_balances(account.balances, pairs.values()),
            "OpenOrders": history.open_orders,
            "ClosedOrders": history.closed_orders,
            "QueryOrders": history.query_orders,
            "QueryTrades": history.query_trades,
            "TradesHistory": history.trades_history,
        }
        self._deeds: dict[str, Callable[[Parameters], Awaitable[dict[str, Any]]]] = {
            "AddOrder": self._add_order,
            "CancelOrder": self._cancel_order,
        }

    async def answer(self, method: str, given: Parameters) -> dict[str, Any]:
        """Return the result of a private method."""
        if deed := self._deeds.get(method):
            return await deed(given)
        question = self._questions.get(method)
        if question is None:
            raise RefusedError("EGeneral:Unknown method")
        return question(given)

    async def follow(self) -> None:
        """Match all live orders against the books of now, coin by coin."""
        for symbol in {order.wanted.symbol for order in self._account.live_orders}:
            pair = self._pairs.get(symbol)
            if pair is not None:
                market = self._market_of(symbol)
                for change in self._account.follow(pair, market, self._clock()):
                    self._tell(change, pair)
            await asyncio.sleep(0)  # a hundred coins must not hold up the bot's other work

    async def _add_order(self, given: Parameters) -> dict[str, Any]:
        pair = self._pairs.get(self._symbols.get(given.get("pair", ""), ""))
        if pair is None:
            raise RefusedError("EQuery:Unknown asset pair")
        wanted, deadline = wanted_of(given, pair), deadline_of(given)
        await asyncio.sleep(self.latency.order_s)
        now = self._clock()
        if deadline is not None and now > deadline:
            raise RefusedError("EService:Deadline elapsed")
        change = self._account.add(wanted, pair, self._market_of(pair.symbol), now)
        self._tell(change, pair)
        await asyncio.sleep(self.latency.answer_s)
        line = describe(change.order, pair.altname, pair.price_decimals)
        return {"descr": {"order": line}, "txid": [change.order.txid]}

    async def _cancel_order(self, given: Parameters) -> dict[str, Any]:
        ids = ids_of(given, 1)
        await asyncio.sleep(self.latency.order_s)
        chosen = [order for order in self._account.live_orders if ids[0] in _names(order)]
        if not chosen:
            raise RefusedError("EOrder:Unknown order")
        for order in chosen:
            pair = self._pairs[order.wanted.symbol]
            self._tell(self._account.cancel(order, self._clock()), pair)
        return {"count": len(chosen)}


def _names(order: PaperOrder) -> tuple[str, str]:
    """Return what a cancellation may call an order."""
    return order.txid, str(order.wanted.userref)
