"""Kraken's time, by which it judges deadlines."""

from datetime import datetime, timedelta

from ..clock import Clock, from_epoch

TOLERANCE = timedelta(seconds=1)
"""Kraken tells whole seconds, so a smaller difference is none."""


class ServerClock:
    """The computer's own clock, corrected once Kraken has said what time it is."""

    def __init__(self, clock: Clock) -> None:
        """Begin with both alike."""
        self._clock = clock
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """Return Kraken's present moment, tz-aware UTC, right to about a second."""
        return self._clock() + self.offset

    def measured(self, server_s: int, asked: datetime, answered: datetime) -> None:
        """Note that Kraken said `server_s` (whole seconds since 1970) between two moments."""
        middle = asked + (answered - asked) / 2
        offset = from_epoch(server_s) + timedelta(seconds=0.5) - middle
        self.offset = offset if abs(offset) > TOLERANCE else timedelta(0)
