"""The private stream of the paper account, inside the process."""

import asyncio
from collections.abc import Callable
from typing import Any

from hummingbot.core.data_type.user_stream_tracker_data_source import UserStreamTrackerDataSource

from ..clock import utc_now
from .account import PaperAccount
from .orders import Change
from .pairs import Pair
from .wire import OPEN_ORDERS, OWN_TRADES, stream_step, stream_trade, stream_whole

RECENT_TRADES = 50

Messages = list[tuple[str, list[dict[str, Any]]]]


def messages_of(change: Change, pair: Pair) -> Messages:
    """Return what the stream says of a change: channel and content, in Kraken's order."""
    messages: Messages = []
    for step in change.steps:
        if step.trade is not None:
            messages.append((OWN_TRADES, [stream_trade(step.trade, step.order, pair)]))
        messages.append((OPEN_ORDERS, [stream_step(step, pair)]))
    return messages


def beginning(account: PaperAccount, pairs: Callable[[str], Pair]) -> Messages:
    """Return what a new subscriber is told first: the latest trades and all live orders."""
    trades = []
    for trade in reversed(list(account.trades.values())[-RECENT_TRADES:]):
        order = account.orders[trade.txid]
        trades.append(stream_trade(trade, order, pairs(order.wanted.symbol)))
    orders = [stream_whole(order, pairs(order.wanted.symbol)) for order in account.live_orders]
    return [(OWN_TRADES, trades), (OPEN_ORDERS, orders)]


class PaperStream(UserStreamTrackerDataSource):  # type: ignore[misc]
    """Hands the account's news to Hummingbot; `begin` says what a new subscriber is told."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        """Begin without a subscriber; `begin` is awaited for its messages."""
        super().__init__()
        self._begin = begin
        self._output: asyncio.Queue[Any] | None = None
        self._sequences = {OPEN_ORDERS: 0, OWN_TRADES: 0}

    @property
    def last_recv_time(self) -> float:
        """Seconds since 1970; a line inside the process is never silent, 0 before it is open."""
        return 0.0 if self._output is None else utc_now().timestamp()

    async def listen_for_user_stream(self, output: asyncio.Queue[Any]) -> None:
        """Feed `output` until cancelled."""
        messages = await self._begin()
        self._sequences = dict.fromkeys(self._sequences, 0)
        self._output = output
        try:
            self.tell(messages)
            await asyncio.Event().wait()
        finally:
            self._output = None

    def tell(self, messages: Messages) -> None:
        """Pass messages on, if somebody listens."""
        if self._output is None:
            return
        for channel, content in messages:
            self._sequences[channel] += 1
            number = {"sequence": self._sequences[channel]}
            self._output.put_nowait([content, channel, number])
