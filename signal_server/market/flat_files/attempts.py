"""The attempts at one piece of work: what fails in passing is tried again, and said aloud."""

import threading
from collections.abc import Callable

from signal_server.core.errors import MarketDataError, StoppedError
from signal_server.market.patience import Patience, Trials

LONGEST_WAIT_S = 30.0

Notice = Callable[[str], None]
"""Takes a sentence for the screen."""


class Attempts:
    """Waits between attempts until `limit_s` have gone by without progress."""

    def __init__(self, limit_s: float, stop: threading.Event, notice: Notice) -> None:
        self._patience = Patience(limit_s, longest_s=LONGEST_WAIT_S)
        self._trials = Trials(self._patience)
        self._stop = stop
        self._notice = notice

    def progressed(self) -> None:
        """Begin anew: something has come."""
        self._trials = Trials(self._patience)

    def wait(self, trouble: str) -> None:
        """Wait before the next attempt; raise `MarketDataError` when it has been long enough."""
        wait_s = self._trials.next_wait()
        self.check_stopped()
        if wait_s is None:
            raise MarketDataError(
                f"{trouble}, again and again for {self._patience.total_s:.0f} s; check the "
                "connection and run the command again: it goes on where it was"
            )
        self._notice(f"{trouble}; trying again in {wait_s:.1f} s")
        self._stop.wait(wait_s)
        self.check_stopped()

    def check_stopped(self) -> None:
        """Raise `StoppedError` if the work is to end."""
        if self._stop.is_set():
            raise StoppedError("stopped; run it again to go on where it was")
