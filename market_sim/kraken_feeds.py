"""The public book channel and the private channels: what is told to whom, and what is not."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from market_sim.faults import FaultName, FaultSwitch, Where
from market_sim.kraken_book import BookState, Level, evolve
from market_sim.kraken_channels import Client, book_messages, channel_id
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import Order, OrderStep, Trade
from market_sim.kraken_pairs import Pair
from market_sim.kraken_timer import Timer
from market_sim.kraken_wire import book_snapshot, stream_order, stream_trade

Listening = tuple[str, list[Client]]
"""A private channel and who is subscribed to it."""

_LATE_S = 5.0
_CROSSED = 0.001


class BookFeed:
    """Each book as the subscribers know it; a share of `two_sided` updates carries both sides."""

    def __init__(self, exchange: Exchange, faults: FaultSwitch, two_sided: float) -> None:
        self._exchange = exchange
        self._faults = faults
        self._two_sided = two_sided
        self._random = Random("two-sided updates")  # noqa: S311 - chance in a simulation
        self._numbers = {symbol: n for n, symbol in enumerate(exchange.pairs)}
        self._books = {symbol: BookState() for symbol in exchange.pairs}
        self.publish(())

    def number(self, pair: Pair, channel: str) -> int:
        """Return the id of a pair's channel."""
        return channel_id(self._numbers[pair.symbol], channel)

    def publish(self, clients: Iterable[Client]) -> None:
        """Tell each subscriber how the books have changed since the last time."""
        listeners: dict[str, dict[int, list[Client]]] = {}
        for client in clients:
            for symbol, depth in client.books.items():
                listeners.setdefault(symbol, {}).setdefault(depth, []).append(client)
        for symbol in self._exchange.books:
            known = listeners.get(symbol, {})
            if not known or not self._faults.strikes(FaultName.KRAKEN_FROZEN_BOOK, Where(symbol)):
                self._tell(symbol, known)

    def greet(self, client: Client, pair: Pair) -> None:
        """Send a new subscriber the book."""
        depth = client.books[pair.symbol]
        self._send(client, pair, [book_snapshot(pair, self._books[pair.symbol], depth)])

    def _tell(self, symbol: str, listeners: dict[int, list[Client]]) -> None:
        pair, now_s = self._exchange.pairs[symbol], self._exchange.clock().timestamp()
        old, new = self._books[symbol], self._now(symbol, now_s)
        self._books[symbol] = new
        both = bool(listeners) and self._random.random() < self._two_sided
        for depth, clients in listeners.items():
            for content in book_messages(pair, (old, new), depth, now_s, both=both):
                if self._faults.strikes(FaultName.KRAKEN_LOST_BOOK_UPDATE, Where(symbol)):
                    continue
                if self._faults.strikes(FaultName.KRAKEN_WRONG_CHECKSUM, Where(symbol)):
                    content[-1]["c"] = str((int(content[-1]["c"]) + 1) % 2**32)
                for client in clients:
                    self._send(client, pair, content)

    def _now(self, symbol: str, now_s: float) -> BookState:
        book, old = self._exchange.books[symbol], self._books[symbol]
        state = BookState(evolve(old.asks, book.asks, now_s), evolve(old.bids, book.bids, now_s))
        crossed = self._faults.struck(FaultName.KRAKEN_CROSSED_BOOK, Where(symbol))
        if crossed is None:
            return state
        share = Decimal(str(_CROSSED if crossed.amount is None else crossed.amount))
        price = (state.asks[0].price * (1 + share)).quantize(book.pair.tick)
        level = Level(price, state.bids[0].size, now_s)
        return replace(state, bids=(level, *state.bids))

    def _send(self, client: Client, pair: Pair, content: list[dict[str, Any]]) -> None:
        channel = f"book-{client.books[pair.symbol]}"
        client.send([self.number(pair, channel), *content, channel, pair.wsname])


class PrivateFeed:
    """Tells of orders and fills as they happen, unless a fault loses, delays or doubles that."""

    def __init__(self, clients: set[Client], faults: FaultSwitch, timer: Timer) -> None:
        self._clients = clients
        self._faults = faults
        self._timer = timer

    def order_changed(self, order: Order, step: OrderStep) -> None:
        """Tell openOrders of a step."""
        where, content = order.wanted.where(), {order.id: stream_order(order, step)}
        tell = partial(self._send, self._listening("openOrders"), content, where)
        if not self._faults.strikes(FaultName.KRAKEN_LOST_ORDER_UPDATE, where):
            self._in_time(FaultName.KRAKEN_LATE_ORDER_UPDATE, where, tell)

    def traded(self, trade: Trade) -> None:
        """Tell ownTrades of a fill."""
        where, content = trade.wanted.where(), {trade.id: stream_trade(trade)}
        tell = partial(self._send, self._listening("ownTrades"), content, where)
        if self._faults.strikes(FaultName.KRAKEN_LOST_FILL, where):
            return
        self._in_time(FaultName.KRAKEN_LATE_FILL, where, tell)
        if self._faults.strikes(FaultName.KRAKEN_FILL_TWICE, where):
            tell()

    def _listening(self, channel: str) -> Listening:
        return channel, [client for client in self._clients if channel in client.private]

    def _in_time(self, late: FaultName, where: Where, tell: Callable[[], None]) -> None:
        fault = self._faults.struck(late, where)
        if fault is None:
            tell()
        else:
            self._timer.later(_LATE_S if fault.amount is None else fault.amount, tell)

    def _send(self, listening: Listening, content: dict[str, Any], where: Where) -> None:
        """Send to those who listened when it happened and still do."""
        channel, clients = listening
        listeners = [c for c in clients if c in self._clients and channel in c.private]
        if not listeners or self._faults.strikes(FaultName.KRAKEN_PRIVATE_SILENCE, where):
            return
        lost = self._faults.strikes(FaultName.KRAKEN_SEQUENCE_GAP, where)
        for client in listeners:
            if lost:
                client.private[channel] += 1
            else:
                client.send_private(channel, [content])
