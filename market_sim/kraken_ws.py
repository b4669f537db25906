"""Kraken's WebSocket v1: connections, subscriptions and who is told what."""

import asyncio
import json
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from aiohttp import WSMsgType, web

from market_sim.faults import FaultName, Where
from market_sim.kraken_account import Desk
from market_sim.kraken_channels import DEPTHS, Client
from market_sim.kraken_feeds import BookFeed, PrivateFeed
from market_sim.kraken_orders import PublicTrade
from market_sim.kraken_status import system_status
from market_sim.kraken_wire import public_trade, stream_order_whole, stream_trade

PRIVATE_PATH = "auth"
_GOODBYE_S = 2.0
_RECENT_TRADES = 50
_PRIVATE = ("openOrders", "ownTrades")
_DROP = {False: FaultName.KRAKEN_PUBLIC_DROP, True: FaultName.KRAKEN_PRIVATE_DROP}
_DOWN = {False: FaultName.KRAKEN_PUBLIC_DOWN, True: FaultName.KRAKEN_PRIVATE_DOWN}


class KrakenStream:
    """Public and private channels; each has an address, and both serve both."""

    def __init__(self, desk: Desk, two_sided: float) -> None:
        self._exchange = desk.exchange
        self._auth = desk.auth
        self._faults = desk.faults
        self._clients: set[Client] = set()
        self._connections = 0
        self._status = system_status(desk.faults)
        self._books = BookFeed(desk.exchange, desk.faults, two_sided)
        private = PrivateFeed(self._clients, desk.faults, desk.timer)
        desk.exchange.listeners.order_changed = private.order_changed
        desk.exchange.listeners.traded = private.traded
        desk.exchange.listeners.printed = self._printed

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for an aiohttp application."""
        return [web.get("/", self.connect), web.get(f"/{PRIVATE_PATH}", self.connect)]

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it leaves."""
        for_account = request.path == f"/{PRIVATE_PATH}"
        if self._faults.strikes(_DOWN[for_account]):
            return web.Response(status=503, text="no connections now")
        socket = web.WebSocketResponse(timeout=_GOODBYE_S)
        await socket.prepare(request)
        self._connections += 1
        number = 8_628_615_390_848_610_000 + self._connections
        client = Client(socket, number, for_account)
        self._tell_status(client)
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

    def refresh(self) -> None:
        """Tell subscribers of the books and the system's status; cut whom a fault cuts."""
        for private in (False, True):
            clients = [c for c in self._clients if c.confidential is private and c.subscribed]
            struck = (self._faults.strikes(name) for name in (_DROP[private], _DOWN[private]))
            if clients and any(struck):
                self.cut(clients)
        self._books.publish(self._clients)
        status = system_status(self._faults)
        if status != self._status:
            self._status = status
            for client in self._clients:
                self._tell_status(client)

    def cut(self, clients: Iterable[Client] | None = None) -> None:
        """End connections, all of them if none are named, without a goodbye."""
        for client in list(self._clients if clients is None else clients):
            self._clients.discard(client)
            client.cut()

    def beat(self) -> None:
        """Send everyone who listens to something a heartbeat."""
        listening = [client for client in self._clients if client.subscribed]
        if listening and not self._faults.strikes(FaultName.KRAKEN_NO_HEARTBEAT):
            for client in listening:
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
        status |= {"channelID": self._books.number(pair, channel), "channelName": channel}
        leaving = command["event"] == "unsubscribe"
        client.send(status | {"status": "unsubscribed" if leaving else "subscribed"})
        client.remember(pair.symbol, None if name == "trade" else depth, leaving=leaving)
        if name == "book" and not leaving:
            self._books.greet(client, pair)

    def _private(self, client: Client, command: dict[str, Any], echo: dict[str, Any]) -> None:
        name = str(command["subscription"]["name"])
        status: dict[str, Any] = {"channelName": name, "event": "subscriptionStatus"} | echo
        status |= {"subscription": {"name": name}}
        if self._faults.strikes(FaultName.KRAKEN_PRIVATE_DOWN):
            self.cut([client])
            return
        expired = self._faults.strikes(FaultName.KRAKEN_TOKEN_EXPIRED)
        if expired or not self._auth.token_valid(command["subscription"].get("token")):
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

    def _printed(self, trade: PublicTrade) -> None:
        symbol, number = trade.pair.symbol, self._books.number(trade.pair, "trade")
        if self._faults.active(FaultName.KRAKEN_FROZEN_BOOK, Where(symbol)) is not None:
            return
        for client in self._clients:
            if symbol in client.trades:
                client.send([number, [public_trade(trade)], "trade", trade.pair.wsname])

    def _tell_status(self, client: Client) -> None:
        status = {"connectionID": client.number, "event": "systemStatus"}
        client.send(status | {"status": system_status(self._faults), "version": "1.9.6"})
