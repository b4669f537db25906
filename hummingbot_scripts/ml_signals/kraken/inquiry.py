"""Reads an account piece by piece: certain orders and trades by their ids, histories by pages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from .account import (
    AccountSnapshot,
    Ask,
    RemoteOrder,
    RemoteTrade,
    balances_of,
    remote_order,
    remote_trade,
)
from .answers import KrakenRefusedError
from .pages import Pages

ORDERS_A_CALL = 50
TRADES_A_CALL = 20

SymbolOf = Callable[[str], str | None]


class Inquiry:
    """What has been asked about an account so far; `account` is all of it.

    A call that fails raises a `KrakenError`, and what was read before it stays.
    """

    def __init__(self, ask: Ask, symbol_of: SymbolOf) -> None:
        """Begin with nothing known."""
        self._ask = ask
        self._symbol_of = symbol_of
        self._open: dict[str, RemoteOrder] = {}
        self._ended: dict[str, RemoteOrder] = {}
        self._trades: dict[str, RemoteTrade] = {}
        self._balances: Mapping[str, Decimal] = {}
        self._pages: dict[str, Pages] = {}

    @property
    def account(self) -> AccountSnapshot:
        """Everything that is known now; of an order that has ended, its end."""
        orders = self._open | self._ended
        return AccountSnapshot(tuple(orders.values()), tuple(self._trades.values()), self._balances)

    async def look(self) -> None:
        """Ask which orders are open now, and what is held."""
        self._open = self._read((await self._ask("OpenOrders", {"trades": "true"}))["open"])
        self._balances = balances_of(await self._ask("Balance", {}))

    async def orders(self, txids: Sequence[str]) -> None:
        """Ask for `ORDERS_A_CALL` orders at most by Kraken's ids; unknown ones are passed over."""
        self._take(await self._by_ids("QueryOrders", txids, {"trades": "true"}))

    async def trades(self, trade_ids: Sequence[str]) -> None:
        """Ask for `TRADES_A_CALL` trades at most by their ids; unknown ones are passed over."""
        self._take_trades(await self._by_ids("QueryTrades", trade_ids, {}))

    async def newest(self, since: datetime) -> None:
        """Ask for the newest orders that have ended since a moment, one page of them."""
        await self._ask_ended(since)

    async def number(self, userref: str, since: datetime) -> None:
        """Ask for the ended orders that bear one of the bot's numbers."""
        await self._ask_ended(since, userref=userref)

    async def _ask_ended(self, since: datetime, **more: str) -> None:
        given = {"start": _text(since), "trades": "true", **more}
        self._take((await self._ask("ClosedOrders", given))["closed"])

    async def ended_orders(self, since: datetime) -> None:
        """Read all orders that have ended since a moment, page by page."""
        given = {"start": _text(since), "trades": "true"}
        self._take(await self._all_pages("ClosedOrders", "closed", given))

    async def history(self, since: datetime) -> None:
        """Read all trades since a moment, page by page."""
        self._take_trades(await self._all_pages("TradesHistory", "trades", {"start": _text(since)}))

    async def _all_pages(self, method: str, key: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Read the pages that are missing; those of an earlier, failed reading count."""
        pages = self._pages.setdefault(method + given["start"], Pages(method, key, given))
        found = await pages.read(self._ask)
        del self._pages[method + given["start"]]
        return found

    async def _by_ids(
        self, method: str, ids: Sequence[str], given: Mapping[str, str]
    ) -> dict[str, Any]:
        """Ask for several at once; Kraken refuses all of them for one that it does not know."""
        try:
            return dict(await self._ask(method, {"txid": ",".join(ids), **given}))
        except KrakenRefusedError as error:
            if not str(error).startswith(_UNKNOWN):
                raise
        if len(ids) == 1:
            return {}
        half = len(ids) // 2
        first = await self._by_ids(method, ids[:half], given)
        return first | await self._by_ids(method, ids[half:], given)

    def _take(self, answer: Mapping[str, Any]) -> None:
        for txid, order in self._read(answer).items():
            known = self._open if order.live else self._ended
            known[txid] = order

    def _take_trades(self, answer: Mapping[str, Any]) -> None:
        for trade_id, given in answer.items():
            self._trades[trade_id] = remote_trade(trade_id, given, self._symbol_of)

    def _read(self, answer: Mapping[str, Any]) -> dict[str, RemoteOrder]:
        return {txid: remote_order(txid, given, self._symbol_of) for txid, given in answer.items()}


_UNKNOWN = ("EOrder:Unknown order", "EOrder:Invalid order", "EQuery:Unknown")
"""How Kraken says that it does not know an id."""


def _text(moment: datetime) -> str:
    return f"{moment.timestamp():.6f}"
