"""The live loop: bars in, predictions written down and then published, outcomes filled in."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from signal_server.core.clock import Clock
from signal_server.core.domain import Bar, Signal
from signal_server.core.errors import JournalError, SignalServerError
from signal_server.journal.health import Metric, record_metrics
from signal_server.journal.journal import Journal
from signal_server.journal.outcomes import BarReader, fill_outcomes
from signal_server.journal.performance import complete_days
from signal_server.journal.predictions import record_prediction
from signal_server.serving.hub import Hub
from signal_server.serving.latency import Durations
from signal_server.serving.predictor import Predictor, Refusal, RefusalReason

logger = logging.getLogger(__name__)


class LiveBar(Protocol):
    """A final bar and when it reached this process."""

    @property
    def bar(self) -> Bar:
        """The bar."""
        ...

    @property
    def received_at(self) -> datetime:
        """When it arrived, tz-aware UTC."""
        ...

    @property
    def repaired(self) -> bool:
        """Whether it was missed on the stream and fetched afterwards."""
        ...


@dataclass(slots=True)
class Activity:
    """What the live loop has seen so far; `last_bar_at` is when the newest bar arrived."""

    bars: int = 0
    repaired_bars: int = 0
    signals: int = 0
    last_bar_at: datetime | None = None
    refusals: dict[str, Refusal] = field(default_factory=dict)


class Engine:
    """Predicts on every live bar. A signal is in the log before any client sees it.

    The journal is its own: it writes from another thread.
    """

    def __init__(self, predictor: Predictor, journal: Journal, hub: Hub, clock: Clock) -> None:
        self._predictor = predictor
        self._journal = journal
        self._hub = hub
        self._clock = clock
        self._latency = Durations("bar_to_signal")
        self.activity = Activity()

    async def run(self, bars: AsyncIterator[LiveBar]) -> None:
        """Take bars until the stream ends; its errors pass through."""
        async for live in bars:
            await self.take(live)

    async def take(self, live: LiveBar) -> None:
        """Predict from one bar and write it down, off the event loop; then publish."""
        self._count(live)
        made = await asyncio.to_thread(self._make, live)
        if isinstance(made, Refusal):
            self._refused(made)
        else:
            self._publish(made, live)

    def metrics(self) -> list[Metric]:
        """Return the measurements since the last call."""
        at = self._clock()
        counts = {
            "bars": self.activity.bars,
            "repaired_bars": self.activity.repaired_bars,
            "signals": self.activity.signals,
            "subscribers": self._hub.subscribers,
            "dropped_subscribers": self._hub.dropped,
        }
        counted = [Metric(name, float(value), "count", at) for name, value in counts.items()]
        return counted + self._latency.report(at)

    def _count(self, live: LiveBar) -> None:
        self.activity.bars += 1
        self.activity.repaired_bars += live.repaired
        self.activity.last_bar_at = live.received_at

    def _refused(self, refusal: Refusal) -> None:
        if refusal.reason is RefusalReason.OLD_BAR:
            # It only fills the history, and says nothing of the newest bar.
            return
        before = self.activity.refusals.get(refusal.symbol)
        if before is None or before.reason is not refusal.reason:
            logger.warning("no signal of %s: %s", refusal.symbol, refusal)
        self.activity.refusals[refusal.symbol] = refusal

    def _make(self, live: LiveBar) -> Signal | Refusal | None:
        """Return the recorded signal, or why there is none; None if the bar had one before."""
        made = self._predictor.predict(live.bar, live.received_at)
        if isinstance(made, Refusal):
            return made
        try:
            return record_prediction(self._journal, made)
        except JournalError as error:
            reason = RefusalReason.NOT_RECORDED
            return Refusal(live.bar.symbol, reason, str(error), self._clock())

    def _publish(self, signal: Signal | None, live: LiveBar) -> None:
        self.activity.refusals.pop(live.bar.symbol, None)
        if signal is None:
            return
        self._hub.publish(signal)
        self.activity.signals += 1
        self._latency.add((self._clock() - live.received_at).total_seconds())


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What is done beside the live loop, again and again."""

    trade_log: Path
    bars: BarReader
    metrics: Callable[[], list[Metric]]
    every_s: float

    async def run(self) -> None:
        """Fill in outcomes and store measurements for ever; its first round catches up."""
        while True:
            try:
                await self.once()
            except SignalServerError as error:
                # A damaged file of bars or a busy log must not stop the signals.
                logger.error("bookkeeping is behind: %s", error)
            await asyncio.sleep(self.every_s)

    async def once(self) -> None:
        """Do one round, on a connection of its own and off the event loop."""
        metrics = self.metrics()
        await asyncio.to_thread(self._write, metrics)

    def _write(self, metrics: list[Metric]) -> None:
        with Journal.open(self.trade_log) as journal:
            record_metrics(journal, metrics)
            fill_outcomes(journal, self.bars)
            complete_days(journal)
