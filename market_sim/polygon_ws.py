"""Polygon.io's WebSocket cluster `crypto`: handshake, second and minute bars, trades."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from market_sim.clock import Clock, sleep_until, utc_now
from market_sim.faults import FaultName, FaultSwitch
from market_sim.market import SimMarket
from market_sim.polygon_events import BarEvents, Telling

_LOG = logging.getLogger(__name__)
_SEND_TIMEOUT_S = 5.0
_AUTH_TIMEOUT_S = 30.0
_HALF_OPEN_S = 120.0
_HUGE_BYTES = 1_200_000
_REFUSED = 503
PUBLISH_DELAY_S = 0.02
"""How long after a bar's end it is sent: the vendor's own aggregation takes a moment."""

_CLOSES = {
    FaultName.STREAM_CLOSE_1000: WSCloseCode.OK,
    FaultName.STREAM_CLOSE_1001: WSCloseCode.GOING_AWAY,
    FaultName.STREAM_CLOSE_1008: WSCloseCode.POLICY_VIOLATION,
    FaultName.STREAM_CLOSE_1011: WSCloseCode.INTERNAL_ERROR,
}
_REFUSALS = {
    FaultName.STREAM_AUTH_FAILED: ("auth_failed", "authentication failed"),
    FaultName.STREAM_AUTH_TIMEOUT: ("auth_timeout", "Authentication timed out"),
    FaultName.STREAM_MAX_CONNECTIONS: (
        "max_connections",
        "Maximum number of websocket connections exceeded",
    ),
}


@dataclass(slots=True, eq=False)
class _Subscriber:
    socket: web.WebSocketResponse
    transport: asyncio.Transport | None
    topics: set[str] = field(default_factory=set)
    frozen: bool = False

    def cut(self) -> None:
        """End the connection without a goodbye."""
        if self.transport is not None:
            self.transport.abort()

    def freeze(self, seconds: float) -> None:
        """Neither read nor write any more, though the connection stays for so long."""
        self.frozen = True
        if self.transport is not None:
            self.transport.pause_reading()
        asyncio.get_running_loop().call_later(seconds, self.cut)

    def wants(self, telling: Telling) -> bool:
        mine = {f"{telling.kind}.{telling.symbol}", f"{telling.kind}.*"}
        return not self.topics.isdisjoint(mine)


class PolygonStream:
    """Sends each live bar to its subscribers as soon as it is over; nothing is replayed."""

    def __init__(
        self, market: SimMarket, api_key: str, faults: FaultSwitch, clock: Clock = utc_now
    ) -> None:
        self.market = market
        self.faults = faults
        self.events = BarEvents(market, faults)
        self.connections = 0
        self.sent_bars = 0
        self._api_key = api_key
        self._clock = clock
        self._subscribers: set[_Subscriber] = set()
        self._closing: set[asyncio.Task[Any]] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the route for an aiohttp application."""
        return [web.get("/crypto", self.connect)]

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """Serve one client until it leaves."""
        self.connections += 1
        refused = self.faults.struck(FaultName.STREAM_REFUSED)
        if refused is not None:
            return web.Response(status=int(refused.amount or _REFUSED), text="try again later")
        # No pings of its own: a half-open connection must not be noticed from here.
        socket = web.WebSocketResponse(max_msg_size=0)
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

    async def publish_live(self) -> None:
        """Send every bar when it is over, until the task is cancelled or the market ends.

        After its last bar the market has no more trades: connections stay open and silent.
        """
        step = self.market.step_at(self._clock())
        while (over_at := self.market.start_of(step + 1)) <= self.market.ends_at:
            await sleep_until(over_at, self._clock)
            await asyncio.sleep(PUBLISH_DELAY_S)
            await self.publish_step(step)
            step += 1
        _LOG.warning("the market has no more bars and is silent from here: start a new one")

    async def publish_step(self, step: int) -> None:
        """Send the bars and a trade of one step to those who subscribed."""
        late = self.events.due(step)
        listening = [one for one in self._subscribers if one.topics and not one.frozen]
        if not listening or self._struck(listening):
            return
        tellings = [*self.events.bars(step), *self._trades(listening, step)]
        self.sent_bars += len(tellings)
        if self.faults.strikes(FaultName.STREAM_REORDERED_FRAME):
            self.events.hold(tellings, step + 1)
            tellings = []
        await asyncio.gather(*(self._send(one, [*tellings, *late]) for one in listening))

    async def drop_all(self) -> None:
        """Cut every connection without a goodbye."""
        for subscriber in list(self._subscribers):
            subscriber.cut()
        self._subscribers.clear()

    async def close(self) -> None:
        """Say goodbye to every client."""
        for subscriber in list(self._subscribers):
            if subscriber.frozen:
                subscriber.cut()
            else:
                await subscriber.socket.close(code=WSCloseCode.GOING_AWAY)

    def _struck(self, listening: Sequence[_Subscriber]) -> bool:
        """Tell whether a fault of the connection strikes, so that nothing is sent."""
        if self.faults.strikes(FaultName.STREAM_DROP):
            self._leave(listening, None)
            return True
        for name, code in _CLOSES.items():
            if self.faults.strikes(name):
                self._leave(listening, code)
                return True
        half_open = self.faults.struck(FaultName.STREAM_HALF_OPEN)
        if half_open is not None:
            for subscriber in listening:
                subscriber.freeze(half_open.amount or _HALF_OPEN_S)
            return True
        return self.faults.strikes(FaultName.STREAM_SILENCE)

    def _leave(self, listening: Sequence[_Subscriber], code: WSCloseCode | None) -> None:
        """End connections, with a close code or without a goodbye."""
        for subscriber in listening:
            self._subscribers.discard(subscriber)
            if code is None:
                subscriber.cut()
                continue
            closing = asyncio.create_task(subscriber.socket.close(code=code))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _trades(self, listening: Sequence[_Subscriber], step: int) -> list[Telling]:
        wanted = any(topic.startswith("XT.") for one in listening for topic in one.topics)
        return list(self.events.trades(step)) if wanted else []

    async def _talk(self, subscriber: _Subscriber) -> None:
        if self.faults.strikes(FaultName.STREAM_DROP_IN_CONNECT):
            subscriber.cut()
            return
        if self.faults.strikes(FaultName.STREAM_MUTE):
            async for _ in subscriber.socket:
                pass
            return
        await _status(subscriber.socket, "connected", "Connected Successfully")
        if not await self._authenticate(subscriber):
            return
        async for message in subscriber.socket:
            if message.type is WSMsgType.TEXT:
                await self._command(subscriber, message.data)

    async def _authenticate(self, subscriber: _Subscriber) -> bool:
        try:
            command = _parse(await subscriber.socket.receive(timeout=_AUTH_TIMEOUT_S))
        except TimeoutError:
            return await _refuse(subscriber, FaultName.STREAM_AUTH_TIMEOUT)
        if self.faults.strikes(FaultName.STREAM_DROP_IN_AUTH):
            subscriber.cut()
            return False
        if command.get("action") != "auth" or command.get("params") != self._api_key:
            return await _refuse(subscriber, FaultName.STREAM_AUTH_FAILED)
        for name in _REFUSALS:
            if self.faults.strikes(name):
                return await _refuse(subscriber, name)
        await _status(subscriber.socket, "auth_success", "authenticated")
        return True

    async def _command(self, subscriber: _Subscriber, text: str) -> None:
        try:
            command = json.loads(text)
            topics = [topic.strip() for topic in str(command["params"]).split(",")]
            action = command["action"]
        except (ValueError, KeyError, TypeError):
            await _status(subscriber.socket, "error", "invalid request")
            return
        if self.faults.strikes(FaultName.STREAM_DROP_IN_SUBSCRIBE):
            subscriber.cut()
            return
        for topic in topics:
            if action == "subscribe":
                subscriber.topics.add(topic)
                await _status(subscriber.socket, "success", f"subscribed to: {topic}")
            else:
                subscriber.topics.discard(topic)
                await _status(subscriber.socket, "success", f"unsubscribed to: {topic}")

    async def _send(self, subscriber: _Subscriber, tellings: Sequence[Telling]) -> None:
        bodies = [telling.body for telling in tellings if subscriber.wants(telling)]
        if not bodies:
            return
        try:
            sending = subscriber.socket.send_str(self._frame(bodies))
            await asyncio.wait_for(sending, _SEND_TIMEOUT_S)
        except (ConnectionError, TimeoutError, RuntimeError):
            # As the real one, which cuts off a client that does not keep up.
            subscriber.cut()
            self._subscribers.discard(subscriber)

    def _frame(self, bodies: list[dict[str, Any]]) -> str:
        huge = self.faults.struck(FaultName.STREAM_HUGE_FRAME)
        if huge is not None:
            filling = {"ev": "XL2", "pair": "", "b": "x" * int(huge.amount or _HUGE_BYTES)}
            bodies = [*bodies, filling]
        text = json.dumps(bodies)
        if self.faults.strikes(FaultName.STREAM_BROKEN_JSON):
            return text[: len(text) // 2]
        return (
            f'{{"events": {text}}}' if self.faults.strikes(FaultName.STREAM_OBJECT_FRAME) else text
        )


def _parse(message: Any) -> dict[str, Any]:
    if message.type is not WSMsgType.TEXT:
        return {}
    try:
        command = json.loads(message.data)
    except ValueError:
        return {}
    return command if isinstance(command, dict) else {}


async def _refuse(subscriber: _Subscriber, name: FaultName) -> bool:
    """Say why a client may not come in, and close; False, for it is not in."""
    await _status(subscriber.socket, *_REFUSALS[name])
    await subscriber.socket.close(code=WSCloseCode.POLICY_VIOLATION)
    return False


async def _status(socket: web.WebSocketResponse, status: str, message: str) -> None:
    await socket.send_str(json.dumps([{"ev": "status", "status": status, "message": message}]))
