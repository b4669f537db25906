"""Bars that wait for those of the market's leaders, but not for long."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from signal_server.core.clock import Clock
from signal_server.serving.history import LiveBar

LastClose = Callable[[str], datetime | None]
"""Return the close of a symbol's newest bar, None without bars."""


class Waiting[L: LiveBar]:
    """Holds bars until the leaders' bars of the same close are there, or `wait_s` are over."""

    def __init__(self, wait_s: float, clock: Clock) -> None:
        self._wait = timedelta(seconds=wait_s)
        self._clock = clock
        self._held: list[L] = []

    def admit(self, lives: Iterable[L], leaders: Sequence[str], last_close: LastClose) -> list[L]:
        """Take bars as they come; return those that need to wait no longer, in that order.

        `last_close` tells what is known of the leaders beside the bars that are held.
        """
        self._held.extend(lives)
        until = [self._closed_until(leader, last_close) for leader in leaders]
        limit = self._clock() - self._wait
        ready: list[L] = []
        held: list[L] = []
        for live in self._held:
            complete = all(close and close >= live.bar.close_time for close in until)
            (ready if complete or live.received_at <= limit else held).append(live)
        self._held = held
        return ready

    def release(self) -> list[L]:
        """Return all that are held."""
        released, self._held = self._held, []
        return released

    def left_s(self) -> float | None:
        """Return the seconds until the first of those held waits no longer; None without any."""
        if not self._held:
            return None
        first = min(live.received_at for live in self._held)
        return max(0.0, (first + self._wait - self._clock()).total_seconds())

    def _closed_until(self, leader: str, last_close: LastClose) -> datetime | None:
        held = (live.bar.close_time for live in self._held if live.bar.symbol == leader)
        known = last_close(leader)
        return max([*held, *([known] if known else [])], default=None)
