"""The live loop: bars in, predictions written down and then published, outcomes filled in."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from signal_server.core.clock import Clock
from signal_server.core.domain import Signal
from signal_server.core.errors import JournalError, SignalServerError
from signal_server.journal.health import Metric, record_metrics
from signal_server.journal.journal import Journal
from signal_server.journal.outcomes import BarReader, fill_outcomes
from signal_server.journal.performance import complete_days
from signal_server.journal.predictions import Prediction, record_predictions, record_shadows
from signal_server.journal.pruning import Pruning
from signal_server.serving.history import LiveBar
from signal_server.serving.hub import Hub
from signal_server.serving.latency import Durations
from signal_server.serving.lineup import Lineup
from signal_server.serving.predictor import Made, Refusal, RefusalReason
from signal_server.serving.served import ServedModel

logger = logging.getLogger(__name__)

Told = tuple[LiveBar, Signal | Refusal | None]
"""A bar with its recorded signal, or why there is none; None if it had one before."""


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

    All bars that have come are predicted from at once. The journal is the engine's own: it writes
    from another thread.
    """

    def __init__(self, lineup: Lineup, journal: Journal, hub: Hub, clock: Clock) -> None:
        self._lineup = lineup
        self._journal = journal
        self._hub = hub
        self._clock = clock
        self._latency = Durations("bar_to_signal")
        self._turn = asyncio.Lock()
        self.activity = Activity()

    @property
    def champion(self) -> ServedModel:
        """The model whose predictions are published."""
        return self._lineup.champion

    @property
    def models(self) -> list[ServedModel]:
        """The champion and its challengers."""
        return [self._lineup.champion, *self._lineup.challengers]

    async def run(self, batches: AsyncGenerator[Sequence[LiveBar]]) -> None:
        """Take bars until the stream ends; its errors pass through. The stream is closed then."""
        # Of one batch: what comes meanwhile waits at the stream, whose memory has a limit.
        inbox: asyncio.Queue[Sequence[LiveBar]] = asyncio.Queue(1)
        reading = asyncio.create_task(_read(batches, inbox))
        try:
            while not reading.done() or not inbox.empty():
                await self.take(await self._arrived(inbox))
            await self.take((), last=True)
            await reading
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading

    async def take(self, lives: Sequence[LiveBar], *, last: bool = False) -> None:
        """Predict from bars and write it down, off the event loop; then publish.

        With `last` none goes on waiting for its leaders. Challengers come after, and what they
        say is written down alone.
        """
        async with self._turn:
            self._count(lives)
            for live, told in await asyncio.to_thread(self._make, lives, last):
                if isinstance(told, Refusal):
                    self._refused(told)
                else:
                    self._publish(told, live)
            await asyncio.to_thread(self._shadow, last)

    async def use[T](self, call: Callable[[Lineup], T]) -> T:
        """Return `call(lineup)`, made off the event loop and between two bars."""
        async with self._turn:
            return await asyncio.to_thread(call, self._lineup)

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

    async def _arrived(self, inbox: "asyncio.Queue[Sequence[LiveBar]]") -> list[LiveBar]:
        """Wait for bars, or until one that waits for its leaders waits no longer."""
        lives: list[LiveBar] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lineup.left_s()):
                lives.extend(await inbox.get())
        while not inbox.empty():
            lives.extend(inbox.get_nowait())
        return lives

    def _count(self, lives: Sequence[LiveBar]) -> None:
        self.activity.bars += len(lives)
        self.activity.repaired_bars += sum(live.repaired for live in lives)
        if lives:
            self.activity.last_bar_at = lives[-1].received_at

    def _refused(self, refusal: Refusal) -> None:
        if refusal.reason is RefusalReason.OLD_BAR:
            # It says nothing of the newest bar.
            return
        before = self.activity.refusals.get(refusal.symbol)
        if before is None or before.reason is not refusal.reason:
            logger.warning("no signal of %s: %s", refusal.symbol, refusal)
        self.activity.refusals[refusal.symbol] = refusal

    def _make(self, lives: Sequence[LiveBar], last: bool) -> list[Told]:
        made = self._lineup.take(lives, last=last)
        predictions = [one for _, one in made if isinstance(one, Prediction)]
        try:
            signals = iter(record_predictions(self._journal, predictions) if predictions else ())
        except JournalError as error:
            return [(live, self._unrecorded(one, error)) for live, one in made]
        return [(live, one if isinstance(one, Refusal) else next(signals)) for live, one in made]

    def _unrecorded(self, made: Made, error: JournalError) -> Refusal:
        if isinstance(made, Refusal):
            return made
        reason = RefusalReason.NOT_RECORDED
        return Refusal(made.signal.symbol, reason, str(error), self._clock())

    def _shadow(self, last: bool) -> None:
        predictions = self._lineup.take_in_shadow(last=last)
        if not predictions:
            return
        try:
            record_shadows(self._journal, predictions)
        except JournalError as error:
            logger.error("what challengers say could not be written down: %s", error)

    def _publish(self, signal: Signal | None, live: LiveBar) -> None:
        self.activity.refusals.pop(live.bar.symbol, None)
        if signal is None:
            return
        self._hub.publish(signal)
        self.activity.signals += 1
        self._latency.add((self._clock() - live.received_at).total_seconds())


async def _read(
    batches: AsyncGenerator[Sequence[LiveBar]], inbox: "asyncio.Queue[Sequence[LiveBar]]"
) -> None:
    try:
        async with aclosing(batches):
            async for lives in batches:
                await inbox.put(lives)
    finally:
        # Whoever waits learns that nothing more comes.
        with suppress(asyncio.QueueFull):
            inbox.put_nowait(())


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """What is done beside the live loop, again and again."""

    trade_log: Path
    bars: BarReader
    metrics: Callable[[], list[Metric]]
    every_s: float
    pruning: Pruning

    async def run(self) -> None:
        """Fill in outcomes, store measurements, prune, for ever; its first round catches up."""
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
            self.pruning.run(journal)
