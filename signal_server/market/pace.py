"""The pace of a plan: so many calls in any minute, whoever makes them."""

import threading
from collections import deque
from collections.abc import Callable

from signal_server.core.clock import monotonic_s

WINDOW_S = 61.0
"""A minute as the vendor counts it, and what calls may differ in their way there."""


class Pace:
    """Gives each call its turn; threads share it. 0 calls a minute is a plan without a limit."""

    def __init__(self, calls_per_minute: int, now: Callable[[], float] = monotonic_s) -> None:
        self._limited = calls_per_minute > 0
        self._turns: deque[float] = deque(maxlen=max(calls_per_minute, 1))
        self._not_before_s = 0.0
        self._now = now
        self._lock = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether the next call's turn has come."""
        with self._lock:
            return self._next() <= self._now()

    def take_turn(self) -> float:
        """Book the next turn; return how many seconds the call must wait for it."""
        with self._lock:
            turn = self._next()
            self._turns.append(turn)
            return max(0.0, turn - self._now())

    def hold(self, seconds: float) -> None:
        """Give no further turn for so long, since the vendor asked for it."""
        with self._lock:
            self._not_before_s = max(self._not_before_s, self._now() + seconds)

    def _next(self) -> float:
        at = max(self._now(), self._not_before_s)
        if self._limited and len(self._turns) == self._turns.maxlen:
            at = max(at, self._turns[0] + WINDOW_S)
        return at
