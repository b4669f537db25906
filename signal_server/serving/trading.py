"""The trading service: orders of the bots in, positions, trades and control orders out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import grpc

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.clock import Clock
from signal_server.core.errors import SignalServerError
from signal_server.journal.control import control_of, set_control
from signal_server.journal.journal import Journal
from signal_server.journal.orders import newest_orders, newest_positions
from signal_server.journal.trades import record_trade_events
from signal_server.serving.model_health import ModelHealth
from signal_server.serving.ordered import read_control, read_limit, read_name
from signal_server.serving.reported import InvalidFieldError, read_events
from signal_server.serving.wire import (
    control_to_wire,
    health_to_wire,
    position_to_wire,
    to_timestamp,
    trade_to_wire,
)

type Context = grpc.aio.ServicerContext[object, object]

MAX_WATCHERS = 1000


@dataclass(frozen=True, slots=True)
class Desk:
    """What the trading service answers from; `health` is None while no model predicts."""

    journal: Journal
    clock: Clock
    health: Callable[[], ModelHealth | None] = lambda: None
    heartbeat_s: float = 5.0


class TradingService(rpc.TradingServiceServicer):
    """Keeps the trade log and hands out what people ordered.

    The journal is its own: it is used from another thread, one call after the other.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._using = asyncio.Lock()
        self._ordered = asyncio.Condition()
        self._orders = 0
        self._watchers = 0

    async def ReportTrades(  # noqa: N802
        self, request: pb.ReportTradesRequest, context: Context
    ) -> pb.ReportTradesResponse:
        """Store all events, or none if one is invalid, and acknowledge them once durable."""
        events = await _valid(context, read_events, request.events)
        await self._use(context, record_trade_events, events, self._desk.clock())
        return pb.ReportTradesResponse(acknowledged_event_ids=[event.event_id for event in events])

    async def ListPositions(  # noqa: N802
        self, request: pb.ListPositionsRequest, context: Context
    ) -> pb.ListPositionsResponse:
        """Return positions, newest first."""
        bot_id = await _valid(context, read_name, "bot_id", request.bot_id)
        limit = await _valid(context, read_limit, request.limit)
        found = await self._use(context, newest_positions, bot_id, request.include_closed, limit)
        return pb.ListPositionsResponse(positions=[position_to_wire(each) for each in found])

    async def ListTrades(  # noqa: N802
        self, request: pb.ListTradesRequest, context: Context
    ) -> pb.ListTradesResponse:
        """Return the newest state of each order, newest first."""
        bot_id = await _valid(context, read_name, "bot_id", request.bot_id)
        symbol = await _valid(context, read_name, "symbol", request.symbol)
        limit = await _valid(context, read_limit, request.limit)
        found = await self._use(context, newest_orders, bot_id, symbol, limit)
        return pb.ListTradesResponse(trades=[trade_to_wire(each) for each in found])

    async def GetControl(  # noqa: N802
        self, request: pb.GetControlRequest, context: Context
    ) -> pb.Control:
        """Return the order that holds for a bot; revision 0 if there never was one."""
        bot_id = await _valid(context, read_name, "bot_id", request.bot_id)
        return control_to_wire(await self._use(context, control_of, bot_id))

    async def SetControl(  # noqa: N802
        self, request: pb.SetControlRequest, context: Context
    ) -> pb.Control:
        """Store an order, then tell all who watch."""
        order = await _valid(context, read_control, request, self._desk.clock())
        stored = await self._use(context, set_control, order)
        async with self._ordered:
            self._orders += 1
            self._ordered.notify_all()
        return control_to_wire(stored)

    async def WatchControl(  # noqa: N802
        self, request: pb.WatchControlRequest, context: Context
    ) -> AsyncIterator[pb.WatchControlResponse]:
        """Send what holds for a bot: at once, at every change, and as a heartbeat."""
        bot_id = await _valid(context, read_name, "bot_id", request.bot_id)
        if self._watchers >= MAX_WATCHERS:
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED, f"{MAX_WATCHERS} bots watch already"
            )
        self._watchers += 1
        try:
            while True:
                seen = self._orders
                yield await self._now(context, bot_id)
                await self._wait(seen)
        finally:
            self._watchers -= 1

    async def _now(self, context: Context, bot_id: str) -> pb.WatchControlResponse:
        order = await self._use(context, control_of, bot_id)
        health = self._desk.health()
        return pb.WatchControlResponse(
            server_time=to_timestamp(self._desk.clock()),
            control=control_to_wire(order),
            health=None if health is None else health_to_wire(health),
        )

    async def _wait(self, seen: int) -> None:
        """Wait for an order after those that were `seen`, or for the next heartbeat."""
        try:
            async with asyncio.timeout(self._desk.heartbeat_s), self._ordered:
                await self._ordered.wait_for(lambda: self._orders != seen)
        except TimeoutError:
            return

    async def _use[T](self, context: Context, call: Callable[..., T], *values: object) -> T:
        """Call a function of the journal in another thread; a journal that fails is UNAVAILABLE."""
        try:
            async with self._using:
                return await asyncio.to_thread(call, self._desk.journal, *values)
        except SignalServerError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise


async def _valid[T](context: Context, read: Callable[..., T], *values: object) -> T:
    """Read a part of a request; one that is not valid ends the call with INVALID_ARGUMENT."""
    try:
        return read(*values)
    except InvalidFieldError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        raise
