"""The trading service: orders of the bots in, positions, trades and control orders out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

import grpc

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.pb import signals_pb2_grpc as rpc
from signal_server.core.clock import Clock
from signal_server.core.errors import SignalServerError
from signal_server.journal.control import ControlOrder, last_reports, newest_controls, set_control
from signal_server.journal.journal import Journal
from signal_server.journal.orders import newest_orders, newest_positions
from signal_server.journal.trades import record_trade_events
from signal_server.serving.calls import Context, peer_host, valid
from signal_server.serving.control_board import ControlBoard, Watch
from signal_server.serving.hub import SubscriptionEndedError, TooManyStreamsError
from signal_server.serving.journal_thread import JournalThread
from signal_server.serving.model_health import ModelHealth
from signal_server.serving.ordered import read_control, read_name, read_orders, read_positions
from signal_server.serving.reported import read_events
from signal_server.serving.wire import (
    control_to_wire,
    health_to_wire,
    position_to_wire,
    to_timestamp,
    trade_to_wire,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the trading service answers from; `health` is None while no model predicts.

    `journal` is its own. Lists are read from `reads`, also its own, so that they never keep
    reports waiting; from `journal` if it is None.
    """

    journal: Journal
    clock: Clock
    health: Callable[[], ModelHealth | None] = lambda: None
    heartbeat_s: float = 5.0
    reads: Journal | None = None


class TradingService(rpc.TradingServiceServicer):
    """Keeps the trade log and hands out what people ordered."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._writes = JournalThread(desk.journal)
        self._reads = self._writes if desk.reads is None else JournalThread(desk.reads)
        self._board = ControlBoard(newest_controls(desk.journal))
        self._ordering: set[asyncio.Task[ControlOrder]] = set()
        self._health: tuple[datetime, ModelHealth | None] | None = None

    async def ReportTrades(  # noqa: N802
        self, request: pb.ReportTradesRequest, context: Context
    ) -> pb.ReportTradesResponse:
        """Store all events, or none if one is invalid, and acknowledge them once durable."""
        events = await valid(context, read_events, request.events)
        await self._use(context, self._writes, record_trade_events, events, self._desk.clock())
        return pb.ReportTradesResponse(acknowledged_event_ids=[event.event_id for event in events])

    async def ListPositions(  # noqa: N802
        self, request: pb.ListPositionsRequest, context: Context
    ) -> pb.ListPositionsResponse:
        """Return positions, newest first."""
        wanted = await valid(context, read_positions, request)
        found = await self._use(context, self._reads, newest_positions, wanted)
        return pb.ListPositionsResponse(positions=[position_to_wire(each) for each in found])

    async def ListTrades(  # noqa: N802
        self, request: pb.ListTradesRequest, context: Context
    ) -> pb.ListTradesResponse:
        """Return the newest state of each order, newest first."""
        wanted = await valid(context, read_orders, request)
        found = await self._use(context, self._reads, newest_orders, wanted)
        return pb.ListTradesResponse(trades=[trade_to_wire(each) for each in found])

    async def GetControl(  # noqa: N802
        self, request: pb.GetControlRequest, context: Context
    ) -> pb.Control:
        """Return the order that holds for a bot; revision 0 if there never was one."""
        bot_id = await valid(context, read_name, "bot_id", request.bot_id)
        return control_to_wire(self._board.holds(bot_id))

    async def SetControl(  # noqa: N802
        self, request: pb.SetControlRequest, context: Context
    ) -> pb.Control:
        """Store an order, then tell all who watch."""
        order = await valid(context, read_control, request, self._desk.clock())
        # What is stored is told, even if the one who ordered it hangs up in between.
        ordering = asyncio.create_task(self._order(order))
        self._ordering.add(ordering)
        ordering.add_done_callback(self._ordering.discard)
        try:
            return control_to_wire(await asyncio.shield(ordering))
        except SignalServerError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise

    async def WatchControl(  # noqa: N802
        self, request: pb.WatchControlRequest, context: Context
    ) -> AsyncIterator[pb.WatchControlResponse]:
        """Send what holds for a bot: at once, at every change, and as a heartbeat."""
        bot_id = await valid(context, read_name, "bot_id", request.bot_id)
        try:
            with self._board.watch(bot_id, peer_host(context)) as watch:
                async for response in self._responses(watch):
                    yield response
        except TooManyStreamsError as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except SubscriptionEndedError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))

    async def ListBots(  # noqa: N802
        self,
        request: pb.ListBotsRequest,  # noqa: ARG002 (the contract's argument)
        context: Context,
    ) -> pb.ListBotsResponse:
        """Return every bot that this server has heard of, by name."""
        reports = await self._use(context, self._reads, last_reports)
        watching = self._board.watching
        names = sorted({*reports, *watching, *self._board.named})
        return pb.ListBotsResponse(
            bots=[
                pb.Bot(
                    bot_id=name,
                    watching=name in watching,
                    last_report_at=to_timestamp(reports.get(name)),
                    control=control_to_wire(self._board.holds(name)),
                )
                for name in names
            ]
        )

    def close(self, why: str) -> None:
        """End all watches, present and future."""
        self._board.close(why)

    async def finish(self) -> None:
        """Wait until what was begun is written."""
        await asyncio.gather(*self._ordering, return_exceptions=True)
        await self._writes.finish()
        await self._reads.finish()

    async def _order(self, order: ControlOrder) -> ControlOrder:
        stored = await self._writes.use(set_control, order)
        self._board.take(stored)
        logger.warning(
            "%s ordered %s for %s: %s", stored.who, stored.mode, stored.bot_id or "all", stored.why
        )
        return stored

    async def _responses(self, watch: Watch) -> AsyncIterator[pb.WatchControlResponse]:
        while True:
            health = self._model_health()
            yield pb.WatchControlResponse(
                server_time=to_timestamp(self._desk.clock()),
                control=control_to_wire(self._board.holds(watch.bot_id)),
                health=None if health is None else health_to_wire(health),
            )
            await watch.wait(self._desk.heartbeat_s)

    def _model_health(self) -> ModelHealth | None:
        """Return how the model does, asked once a heartbeat for all watchers."""
        now = self._desk.clock()
        if self._health is None or not self._is_recent(self._health[0], now):
            try:
                self._health = now, self._desk.health()
            except SignalServerError as error:
                # Watchers take it as unknown; what was ordered must reach them all the same.
                logger.error("how the model does cannot be told: %s", error)
                self._health = now, None
        return self._health[1]

    def _is_recent(self, then: datetime, now: datetime) -> bool:
        return 0 <= (now - then).total_seconds() < self._desk.heartbeat_s

    async def _use[T](
        self, context: Context, journal: JournalThread, call: Callable[..., T], *values: object
    ) -> T:
        """Call a function of a journal; one that fails is UNAVAILABLE."""
        try:
            return await journal.use(call, *values)
        except SignalServerError as error:
            await context.abort(grpc.StatusCode.UNAVAILABLE, str(error))
            raise
