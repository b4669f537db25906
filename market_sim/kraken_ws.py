"""Kraken's WebSocket v1: connections, subscriptions and who is told what."""

import asyncio
import json
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_auth import Authenticator
from market_sim.kraken_book import BookState, evolve
from market_sim.kraken_channels import DEPTHS, Client, book_messages, channel_id
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import Order, OrderStep, PublicTrade, Trade
from market_sim.kraken_pairs import Pair
from market_sim.kraken_wire import (
    book_snapshot,
    public_trade,
    stream_order,
    stream_order_whole,
    stream_trade,
)

_RECENT_TRADES = 50
_PRIVATE = ("openOrders", "ownTrades")


class KrakenStream:
    """Public and private channels on one address."""

    def __init__(self, exchange: Exchange, auth: Authenticator, faults: FaultSwitch) -> None:
        self._exchange = exchange
        self._auth = auth
        self._faults = faults
        self._clients: set[Client] = set()
        self._connections = 0
        self._books = {symbol: BookState() for symbol in exchange.pairs}
        exchange.listeners.order_changed = self._order_changed
        exchange.listeners.traded = self._traded
        exchange.listeners.printed = self._printed
        self.publish_books()

    def routes(self) -> list[web.RouteDef]:
        """Return the route for an aiohttp application."""
        return [web.get("/", self.connect)]

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until it leaves."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = Client(socket)
        self._connections += 1
        status = {"connectionID": 8_628_615_390_848_610_000 + self._connections}
        client.send(status | {"event": "systemStatus", "status": "online", "version": "1.9.6"})
        self._clients.add(client)
        sender = asyncio.create_task(client.send_all())
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._command(client, message.data)
        finally:
            self._clients.discard(client)
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender
        return socket

    def publish_books(self) -> None:
        """Tell each subscriber how the books have changed since the last time."""
        now_s = self._exchange.clock().timestamp()
        for symbol, book in self._exchange.books.items():
            old = self._books[symbol]
            new = BookState(evolve(old.asks, book.asks, now_s), evolve(old.bids, book.bids, now_s))
            self._books[symbol] = new
            depths = {c.books[symbol] for c in self._clients if symbol in c.books}
            for depth in depths:
                messages = book_messages(book.pair, (old, new), depth, now_s)
                for client in self._clients:
                    if client.books.get(symbol) == depth:
                        self._send_book(client, book.pair, messages)

    def beat(self) -> None:
        """Send everyone who listens to something a heartbeat."""
        for client in self._clients:
            if client.subscribed:
                client.send({"event": "heartbeat"})

    async def close(self) -> None:
        """Close every connection."""
        for client in list(self._clients):
            await client.socket.close()

    def _command(self, client: Client, text: str) -> None:
        try:
            command = json.loads(text)
            event, name = command["event"], command.setdefault("subscription", {}).get("name")
        except (ValueError, KeyError, TypeError, AttributeError):
            client.send({"errorMessage": "Malformed request", "event": "error"})
            return
        echo = {"reqid": command["reqid"]} if "reqid" in command else {}
        if event == "ping":
            client.send({"event": "pong"} | echo)
        elif event not in {"subscribe", "unsubscribe"}:
            client.send({"errorMessage": "Unsupported event", "event": "error"} | echo)
        elif name in _PRIVATE:
            self._private(client, command, echo)
        else:
            for wsname in command.get("pair", []):
                self._public(client, command, wsname, echo)

    def _public(
        self, client: Client, command: dict[str, Any], wsname: str, echo: dict[str, Any]
    ) -> None:
        asked: dict[str, Any] = command["subscription"]
        status = {"event": "subscriptionStatus", "pair": wsname, "subscription": asked} | echo
        pair = {pair.wsname: pair for pair in self._exchange.pairs.values()}.get(wsname)
        name, depth = asked.get("name"), asked.get("depth", DEPTHS[0])
        problem = None
        if pair is None:
            problem = f"Currency pair not supported {wsname}"
        elif name not in {"book", "trade"}:
            problem = "Subscription name invalid"
        elif depth not in DEPTHS:
            problem = "Subscription depth not supported"
        if pair is None or problem is not None:
            client.send(status | {"errorMessage": problem, "status": "error"})
            return
        channel = f"book-{depth}" if name == "book" else "trade"
        status |= {"channelID": channel_id(self._number(pair), channel), "channelName": channel}
        leaving = command["event"] == "unsubscribe"
        client.send(status | {"status": "unsubscribed" if leaving else "subscribed"})
        client.remember(pair.symbol, None if name == "trade" else depth, leaving=leaving)
        if name == "book" and not leaving:
            snapshot = book_snapshot(pair, self._books[pair.symbol], depth)
            self._send_book(client, pair, [[snapshot]])

    def _private(self, client: Client, command: dict[str, Any], echo: dict[str, Any]) -> None:
        name = str(command["subscription"]["name"])
        status: dict[str, Any] = {"channelName": name, "event": "subscriptionStatus"} | echo
        status |= {"subscription": {"name": name}}
        if not self._auth.token_valid(command["subscription"].get("token")):
            refusal = {"errorMessage": "ESession:Invalid session", "status": "error"}
            client.send(status | refusal)
            return
        if command["event"] == "unsubscribe":
            client.private.pop(name, None)
            client.send(status | {"status": "unsubscribed"})
            return
        client.send(status | {"status": "subscribed"})
        client.private[name] = 0
        client.send_private(name, self._account_now(name))

    def _account_now(self, channel: str) -> list[dict[str, Any]]:
        if channel == "openOrders":
            return [{order.id: stream_order_whole(order)} for order in self._exchange.open_orders()]
        recent = self._exchange.trades[-_RECENT_TRADES:]
        return [{trade.id: stream_trade(trade)} for trade in reversed(recent)]

    def _order_changed(self, order: Order, step: OrderStep) -> None:
        self._tell_private("openOrders", {order.id: stream_order(order, step)})

    def _traded(self, trade: Trade) -> None:
        if not self._faults.strikes(FaultName.KRAKEN_LOST_FILL):
            self._tell_private("ownTrades", {trade.id: stream_trade(trade)})

    def _tell_private(self, channel: str, content: dict[str, Any]) -> None:
        for client in self._clients:
            client.send_private(channel, [content])

    def _printed(self, trade: PublicTrade) -> None:
        number = channel_id(self._number(trade.pair), "trade")
        for client in self._clients:
            if trade.pair.symbol in client.trades:
                client.send([number, [public_trade(trade)], "trade", trade.pair.wsname])

    def _send_book(self, client: Client, pair: Pair, messages: list[list[Any]]) -> None:
        channel = f"book-{client.books[pair.symbol]}"
        for content in messages:
            number = channel_id(self._number(pair), channel)
            client.send([number, *content, channel, pair.wsname])

    def _number(self, pair: Pair) -> int:
        return list(self._exchange.pairs).index(pair.symbol)
