"""How far the server's clock and this computer's are apart, from the stamps of messages."""

from collections import deque
from datetime import datetime

WINDOW = 5
"""Heartbeats come every few seconds, so a clock that is set shows within half a minute."""


class SkewGauge:
    """The least of the newest delays: what is left when a message took no time at all."""

    def __init__(self, window: int = WINDOW) -> None:
        """Judge by the newest `window` messages."""
        self._delays_s: deque[float] = deque(maxlen=window)

    @property
    def skew_s(self) -> float | None:
        """Seconds that this clock is ahead of the server's, None before the first message.

        A delay that every message shares counts as skew, so a slow line is refused too.
        """
        return min(self._delays_s, default=None)

    def note(self, sent_at: datetime, received_at: datetime) -> None:
        """Take the stamps of one message, by the server's clock and by this one (UTC)."""
        self._delays_s.append((received_at - sent_at).total_seconds())

    def forget(self) -> None:
        """Start anew: the line was broken, or a clock was set."""
        self._delays_s.clear()
