"""Empties the outbox towards the server: in order, until acknowledged, counted once there."""

import asyncio
import logging
from collections.abc import Sequence

import grpc

from .clock import Clock
from .journal import Journal, OutboxEntry
from .line import Backoff
from .pb.signals_pb2 import ReportTradesRequest, TradeEvent
from .pb.signals_pb2_grpc import TradingServiceStub

logger = logging.getLogger(__name__)

BATCH_SIZE = 100
DEADLINE_S = 5.0


class TradeReporter:
    """Sends waiting trade events; an event leaves the outbox only by the server's word.

    A lost answer means that the same event is sent again under the same id, which the server
    takes once. An event the server calls invalid is set aside with its reason, never dropped.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        journal: Journal,
        clock: Clock,
        backoff: Backoff = Backoff(),  # noqa: B008 (frozen)
    ) -> None:
        """Prepare to send; nothing is sent before `run` or `flush`."""
        self._stub = TradingServiceStub(channel)
        self._journal = journal
        self._clock = clock
        self._backoff = backoff
        self._news = asyncio.Event()
        self._sending = asyncio.Lock()
        self.problem = ""

    def wake(self) -> None:
        """Say that an event was put into the outbox."""
        self._news.set()

    async def run(self) -> None:
        """Send for ever: at once when woken, and again and again what was not acknowledged."""
        attempt = 0
        while True:
            self._news.clear()
            if await self.send_waiting():
                attempt = 0
                await self._news.wait()
            else:
                await asyncio.sleep(self._backoff.delay_s(attempt))
                attempt += 1

    async def flush(self, timeout_s: float) -> int:
        """Try to empty the outbox within `timeout_s`; return how many events still wait."""
        try:
            async with asyncio.timeout(timeout_s):
                attempt = 0
                while not await self.send_waiting():
                    await asyncio.sleep(self._backoff.delay_s(attempt))
                    attempt += 1
        except TimeoutError:
            logger.warning("Trade events wait for the next start: %s", self.problem or "no answer")
        return self._journal.count_waiting()

    async def send_waiting(self) -> bool:
        """Send all that waits, oldest first; False when something is left."""
        async with self._sending:
            while batch := self._journal.waiting(BATCH_SIZE):
                if not await self._send(batch):
                    return False
        return True

    async def _send(self, batch: Sequence[OutboxEntry]) -> bool:
        request = ReportTradesRequest(events=[_event(entry) for entry in batch])
        try:
            answer = await self._stub.ReportTrades(request, timeout=DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            return await self._failed(batch, error)
        sent = {entry.event_id for entry in batch}
        acknowledged = [event_id for event_id in answer.acknowledged_event_ids if event_id in sent]
        self._journal.acknowledge(acknowledged, self._clock())
        self.problem = "" if acknowledged else "the server acknowledged nothing"
        return bool(acknowledged)

    async def _failed(self, batch: Sequence[OutboxEntry], error: grpc.aio.AioRpcError) -> bool:
        self.problem = f"{error.code().name}: {error.details()}"
        if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
            return False
        if len(batch) == 1:
            logger.error("The server refuses trade event %s: %s", batch[0].event_id, self.problem)
            self._journal.refuse(batch[0].event_id, self.problem)
            return True
        return all([await self._send([entry]) for entry in batch])


def _event(entry: OutboxEntry) -> TradeEvent:
    event = TradeEvent.FromString(entry.payload)
    event.event_id = entry.event_id
    event.sequence = entry.sequence
    return event
