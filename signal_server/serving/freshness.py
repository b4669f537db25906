"""Tells health checks whether bars keep coming."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from signal_server.core.clock import Clock
from signal_server.serving.engine import Activity

CHECK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class FreshnessWatch:
    """Reports SERVING while the newest bar arrived at most `limit_s` ago."""

    activity: Activity
    limit_s: float
    report: Callable[[bool], Awaitable[None]]
    clock: Clock

    async def run(self) -> None:
        """Check for ever."""
        while True:
            await self.report(self.is_fresh())
            await asyncio.sleep(CHECK_EVERY_S)

    def is_fresh(self) -> bool:
        """Return whether a bar arrived recently enough; False before the first."""
        last = self.activity.last_bar_at
        return last is not None and (self.clock() - last).total_seconds() <= self.limit_s
