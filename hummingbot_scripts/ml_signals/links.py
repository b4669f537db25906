"""Everything between the bot and the signal server: signals, control, and trade events."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import grpc

from .client import ReceivedSignal, SignalFeed, Subscription
from .clock import Clock
from .control import ControlLine, LiveHealth, control_line
from .journal import Journal
from .line import CHANNEL_OPTIONS
from .reporter import TradeReporter
from .supervisor import supervise


class ServerLinks:
    """One channel with three lines on it; `start` opens them, `stop` closes them."""

    def __init__(
        self, address: str, bot_id: str, subscription: Subscription, journal: Journal, clock: Clock
    ) -> None:
        """Prepare the lines; nothing is sent before `start`."""
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self.reporter = TradeReporter(self._channel, journal, clock)
        self.on_new_count: Callable[[], None] = lambda: None
        self.feed = SignalFeed(
            self._channel, subscription, clock, on_new_count=lambda: self.on_new_count()
        )
        self.control: ControlLine = control_line(self._channel, bot_id, clock)
        self._tasks: Sequence[asyncio.Task[None]] = ()

    @property
    def health(self) -> LiveHealth | None:
        """How the serving model does, None when nobody says."""
        return self.control.health

    @property
    def clock_skew_s(self) -> float | None:
        """Seconds that this clock is ahead of the server's, None when not known."""
        return self.feed.clock_skew_s

    def signal(self, symbol: str) -> ReceivedSignal | None:
        """Return the newest signal of `symbol`."""
        return self.feed.latest(symbol)

    def silent_s(self, now: datetime) -> float | None:
        """Return how long the server has said nothing, None before it said anything."""
        heard = self.feed.line.last_message_at
        return None if heard is None else (now - heard).total_seconds()

    def start(self) -> None:
        """Begin to listen and to send."""
        runs = (
            ("The signal feed", self.feed.run),
            ("The control stream", self.control.run),
            ("The trade reporter", self.reporter.run),
        )
        self._tasks = [asyncio.create_task(supervise(name, run)) for name, run in runs]

    async def stop(self, timeout_s: float) -> int:
        """Send what waits for at most `timeout_s` and let go; return how many events still wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        waiting = await self.reporter.flush(timeout_s)
        await self._channel.close()
        return waiting
