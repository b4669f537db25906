"""Kraken's WebSocket v1: book and trade channels, and the account's own orders and trades."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from aiohttp import WSMsgType, web

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_auth import Authenticator
from market_sim.kraken_book import BookChange
from market_sim.kraken_exchange import Exchange, Order, Trade
from market_sim.kraken_wire import order_details, order_message, trade_details

HEARTBEAT_S = 1.0
REFRESH_S = 0.2
_OUTBOX = 20_000


@dataclass(slots=True, eq=False)
class _Client:
    outbox: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(_OUTBOX))
    books: dict[str, int] = field(default_factory=dict)
    trades: set[str] = field(default_factory=set)
    private: dict[str, int] = field(default_factory=dict)

    def send(self, message: Any) -> None:
        self.outbox.put_nowait(json.dumps(message))

    def send_private(self, channel: str, payload: list[dict[str, Any]]) -> None:
        if channel in self.private:
            self.private[channel] += 1
            self.send([payload, channel, {"sequence": self.private[channel]}])


class KrakenStream:
    """Public and private channels on one address."""

    def __init__(self, exchange: Exchange, auth: Authenticator, faults: FaultSwitch) -> None:
        self._exchange = exchange
        self._auth = auth
        self._faults = faults
        self._clients: set[_Client] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._channels = {symbol: 300 + n for n, symbol in enumerate(exchange.pairs)}
        exchange.listeners.order_changed = self._order_changed
        exchange.listeners.traded = self._traded

    def routes(self) -> list[web.RouteDef]:
        """Return the route for an aiohttp application."""
        return [web.get("/", self.connect)]

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until it leaves."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = _Client()
        client.send(
            {"connectionID": 1, "event": "systemStatus", "status": "online", "version": "1.9.6"}
        )
        self._clients.add(client)
        self._sockets.add(socket)
        sender = asyncio.create_task(_send_all(socket, client))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._command(client, message.data)
        finally:
            sender.cancel()
            self._clients.discard(client)
            self._sockets.discard(socket)
        return socket

    async def run(self) -> None:
        """Refresh the books and send heartbeats, until cancelled."""
        beat_at = 0.0
        while True:
            for symbol, change in self._exchange.follow_prices().items():
                self._book_changed(symbol, change)
            if time.monotonic() >= beat_at:
                beat_at = time.monotonic() + HEARTBEAT_S
                for client in self._clients:
                    client.send({"event": "heartbeat"})
            await asyncio.sleep(REFRESH_S)

    async def close(self) -> None:
        """Close every connection."""
        for socket in list(self._sockets):
            await socket.close()

    def _command(self, client: _Client, text: str) -> None:
        try:
            command = json.loads(text)
            event = command["event"]
            subscription = command.get("subscription", {})
            name = str(subscription.get("name", ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            client.send({"event": "error", "errorMessage": "Malformed request"})
            return
        if event == "ping":
            client.send({"event": "pong"})
        elif name in {"openOrders", "ownTrades"}:
            self._private(client, name, subscription)
        else:
            for wsname in command.get("pair", []):
                self._public(client, event, wsname, subscription)

    def _public(
        self, client: _Client, event: str, wsname: str, subscription: dict[str, Any]
    ) -> None:
        symbol = {p.wsname: s for s, p in self._exchange.pairs.items()}.get(wsname)
        name = subscription.get("name")
        status: dict[str, Any] = {"event": "subscriptionStatus", "pair": wsname}
        status["subscription"] = subscription
        if symbol is None or name not in {"book", "trade"}:
            refusal = {"errorMessage": "Currency pair not supported", "status": "error"}
            client.send(status | refusal)
            return
        depth = int(subscription.get("depth", 10))
        channel = f"book-{depth}" if name == "book" else "trade"
        status |= {"channelID": self._channels[symbol], "channelName": channel}
        client.send(status | {"status": "subscribed" if event == "subscribe" else "unsubscribed"})
        self._remember(client, symbol, name, None if event == "unsubscribe" else depth)

    def _remember(self, client: _Client, symbol: str, name: str, depth: int | None) -> None:
        if name == "trade":
            (client.trades.discard if depth is None else client.trades.add)(symbol)
        elif depth is None:
            client.books.pop(symbol, None)
        else:
            client.books[symbol] = depth
            client.send(self._snapshot(symbol, depth))

    def _private(self, client: _Client, name: str, subscription: dict[str, Any]) -> None:
        status = {
            "event": "subscriptionStatus",
            "channelName": name,
            "subscription": {"name": name},
        }
        if not self._auth.token_valid(subscription.get("token")):
            refusal = {"errorMessage": "ESession:Invalid session", "status": "error"}
            client.send(status | refusal)
            return
        client.send(status | {"status": "subscribed"})
        client.private[name] = 0
        if name == "openOrders":
            orders = [{order.id: order_details(order)} for order in self._exchange.open_orders()]
            client.send_private(name, orders)
        else:
            recent = self._exchange.trades[-50:]
            client.send_private(name, [{t.id: trade_details(t, stream=True)} for t in recent])

    def _order_changed(self, order: Order, change: str) -> None:
        for client in self._clients:
            client.send_private("openOrders", [{order.id: order_message(order, change)}])

    def _traded(self, trade: Trade) -> None:
        if not self._faults.strikes(FaultName.KRAKEN_LOST_FILL):
            for client in self._clients:
                client.send_private("ownTrades", [{trade.id: trade_details(trade, stream=True)}])
        book = self._exchange.books[trade.pair.symbol]
        kind = "m" if trade.order_type == "market" else "l"
        stamp = f"{trade.at.timestamp():.6f}"
        row = [book.price_text(trade.price), f"{trade.size:.8f}", stamp, trade.side[0], kind, ""]
        channel = self._channels[trade.pair.symbol]
        for client in self._clients:
            if trade.pair.symbol in client.trades:
                client.send([channel, [row], "trade", trade.pair.wsname])

    def _book_changed(self, symbol: str, change: BookChange) -> None:
        subscribers = [client for client in self._clients if symbol in client.books]
        if not subscribers:
            return
        sides = [(k, rows) for k, rows in (("a", change.asks), ("b", change.bids)) if rows]
        checksum = str(self._exchange.books[symbol].checksum())
        parts = [{key: self._rows(symbol, rows)} for key, rows in sides]
        if parts:
            parts[-1]["c"] = checksum  # type: ignore[assignment]
        for client in subscribers:
            for part in parts:
                depth = client.books[symbol]
                client.send([self._channels[symbol], part, f"book-{depth}", self._wsname(symbol)])

    def _snapshot(self, symbol: str, depth: int) -> list[Any]:
        book = self._exchange.books[symbol]
        asks = dict(sorted(book.asks.items())[:depth])
        bids = dict(sorted(book.bids.items(), reverse=True)[:depth])
        sides = {"as": self._rows(symbol, asks), "bs": self._rows(symbol, bids)}
        return [self._channels[symbol], sides, f"book-{depth}", self._wsname(symbol)]

    def _rows(self, symbol: str, levels: dict[Decimal, Decimal]) -> list[list[str]]:
        book, stamp = self._exchange.books[symbol], f"{time.time():.6f}"
        return [[book.price_text(price), f"{size:.8f}", stamp] for price, size in levels.items()]

    def _wsname(self, symbol: str) -> str:
        return self._exchange.pairs[symbol].wsname


async def _send_all(socket: web.WebSocketResponse, client: _Client) -> None:
    while True:
        await socket.send_str(await client.outbox.get())
