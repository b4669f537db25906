"""Polygon.io's WebSocket cluster `crypto`: handshake, second and minute bars, trades."""

import asyncio
import json
import logging
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from market_sim.clock import Clock, utc_now
from market_sim.faults import FaultName, FaultSwitch
from market_sim.market import SimBar, SimMarket

_LOG = logging.getLogger(__name__)
_SEND_TIMEOUT_S = 5.0
_AUTH_TIMEOUT_S = 30.0
PUBLISH_DELAY_S = 0.02
"""How long after a bar's end it is sent: the vendor's own aggregation takes a moment."""


@dataclass(slots=True, eq=False)
class _Subscriber:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    topics: set[str] = field(default_factory=set)

    def cut(self) -> None:
        """End the connection without a goodbye."""
        if self.transport is not None:
            self.transport.abort()

    def wants(self, event: str, symbol: str) -> bool:
        return not self.topics.isdisjoint({f"{event}.{symbol}", f"{event}.*"})


class PolygonStream:
    """Sends each live bar to its subscribers as soon as it is over; nothing is replayed."""

    def __init__(
        self, market: SimMarket, api_key: str, faults: FaultSwitch, clock: Clock = utc_now
    ) -> None:
        self.market = market
        self.faults = faults
        self.sent_bars = 0
        self._api_key = api_key
        self._clock = clock
        self._bar_event = "XAS" if market.bar_seconds == 1 else "XA"
        self._subscribers: set[_Subscriber] = set()
        self._held_back: list[tuple[str, dict[str, Any]]] = []

    def routes(self) -> list[web.RouteDef]:
        """Return the route for an aiohttp application."""
        return [web.get("/crypto", self.connect)]

    async def connect(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one client until it leaves."""
        socket = web.WebSocketResponse(heartbeat=30)
        await socket.prepare(request)
        subscriber = _Subscriber(socket, request.transport)
        self._subscribers.add(subscriber)
        try:
            await self._talk(subscriber)
        except ConnectionError:
            subscriber.cut()
        finally:
            self._subscribers.discard(subscriber)
        return socket

    async def _talk(self, subscriber: _Subscriber) -> None:
        await _status(subscriber.socket, "connected", "Connected Successfully")
        if not await self._authenticate(subscriber.socket):
            return
        async for message in subscriber.socket:
            if message.type is WSMsgType.TEXT:
                await self._command(subscriber, message.data)

    async def publish_live(self) -> None:
        """Send every bar when it is over, until the task is cancelled or the market ends.

        After its last bar the market has no more trades: connections stay open and silent.
        """
        step = self.market.step_at(self._clock())
        while (over_at := self.market.start_of(step + 1)) <= self.market.ends_at:
            wait_s = (over_at - self._clock()).total_seconds() + PUBLISH_DELAY_S
            await asyncio.sleep(max(0.0, wait_s))
            await self.publish_step(step)
            step += 1
        _LOG.warning("the market has no more bars and is silent from here: start a new one")

    async def publish_step(self, step: int) -> None:
        """Send the bars and a trade of one step to those who subscribed."""
        if self.faults.strikes(FaultName.STREAM_DROP):
            await self.drop_all()
            return
        if self.faults.strikes(FaultName.STREAM_SILENCE):
            return
        found = (self.market.bar(symbol, step) for symbol in self.market.symbols)
        bars = [bar for bar in found if bar is not None]
        late, self._held_back = self._held_back, []
        due = [event for bar in bars for event in self._events(bar)] + late
        await asyncio.gather(*(self._send(s, due) for s in list(self._subscribers)))
        self.sent_bars += len(bars)

    async def drop_all(self) -> None:
        """Cut every connection without a goodbye."""
        for subscriber in list(self._subscribers):
            subscriber.cut()
        self._subscribers.clear()

    async def close(self) -> None:
        """Say goodbye to every client."""
        for subscriber in list(self._subscribers):
            await subscriber.socket.close(code=WSCloseCode.GOING_AWAY)

    def _events(self, bar: SimBar) -> list[tuple[str, dict[str, Any]]]:
        event = (bar.symbol, self._bar(bar))
        if self.faults.strikes(FaultName.STREAM_LATE_BAR):
            self._held_back.append(event)
            return []
        twice = self.faults.strikes(FaultName.STREAM_DUPLICATE_BAR)
        return [event] * (2 if twice else 1) + [(bar.symbol, self._trade(bar))]

    def _bar(self, bar: SimBar) -> dict[str, Any]:
        start_ms = round(bar.start.timestamp() * 1000)
        return {
            "ev": self._bar_event,
            "pair": bar.symbol,
            "o": bar.open,
            "c": bar.close,
            "h": bar.high,
            "l": bar.low,
            "v": bar.volume,
            "vw": bar.vwap,
            "z": int(bar.volume / bar.transactions),
            "s": start_ms,
            "e": start_ms + self.market.bar_seconds * 1000,
        }

    def _trade(self, bar: SimBar) -> dict[str, Any]:
        end_ms = round(bar.start.timestamp() * 1000) + self.market.bar_seconds * 1000 - 1
        return {
            "ev": "XT",
            "pair": bar.symbol,
            "p": bar.close,
            "t": end_ms,
            "s": bar.volume / bar.transactions,
            "c": [1],
            "i": str(end_ms),
            "x": 1,
            "r": end_ms,
        }

    async def _authenticate(self, socket: web.WebSocketResponse) -> bool:
        try:
            command = _parse(await socket.receive(timeout=_AUTH_TIMEOUT_S))
        except TimeoutError:
            await _status(socket, "auth_timeout", "Authentication timed out")
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return False
        if command.get("action") != "auth" or command.get("params") != self._api_key:
            await _status(socket, "auth_failed", "authentication failed")
            await socket.close(code=WSCloseCode.POLICY_VIOLATION)
            return False
        await _status(socket, "auth_success", "authenticated")
        return True

    async def _command(self, subscriber: _Subscriber, text: str) -> None:
        try:
            command = json.loads(text)
            topics = [topic.strip() for topic in str(command["params"]).split(",")]
            action = command["action"]
        except (ValueError, KeyError, TypeError):
            await _status(subscriber.socket, "error", "invalid request")
            return
        for topic in topics:
            if action == "subscribe":
                subscriber.topics.add(topic)
                await _status(subscriber.socket, "success", f"subscribed to: {topic}")
            else:
                subscriber.topics.discard(topic)
                await _status(subscriber.socket, "success", f"unsubscribed to: {topic}")

    async def _send(self, subscriber: _Subscriber, due: list[tuple[str, dict[str, Any]]]) -> None:
        events = [event for symbol, event in due if subscriber.wants(event["ev"], symbol)]
        if not events:
            return
        try:
            sending = subscriber.socket.send_str(json.dumps(events))
            await asyncio.wait_for(sending, _SEND_TIMEOUT_S)
        except (ConnectionError, TimeoutError, RuntimeError):
            # As the real one, which cuts off a client that does not keep up.
            subscriber.cut()
            self._subscribers.discard(subscriber)


def _parse(message: Any) -> dict[str, Any]:
    if message.type is not WSMsgType.TEXT:
        return {}
    try:
        command = json.loads(message.data)
    except ValueError:
        return {}
    return command if isinstance(command, dict) else {}


async def _status(socket: web.WebSocketResponse, status: str, message: str) -> None:
    await socket.send_str(json.dumps([{"ev": "status", "status": status, "message": message}]))
