"""How long what fails in passing is tried again, and how long is waited in between."""

import random
from dataclasses import dataclass, field

from signal_server.core.clock import monotonic_s


@dataclass(frozen=True, slots=True)
class Patience:
    """Try for `total_s` since the first failure; waits double up to `longest_s`, with jitter."""

    total_s: float
    shortest_s: float = 0.5
    longest_s: float = 60.0


@dataclass(slots=True)
class Trials:
    """The failures of one task, one after another."""

    patience: Patience
    _failures: int = field(default=0, init=False)
    _began_s: float = field(default=0.0, init=False)

    def next_wait(self, at_least_s: float = 0.0) -> float | None:
        """Count a failure; return how long to wait now, None if patience is at its end."""
        if not self._failures:
            self._began_s = monotonic_s()
        longest = min(self.patience.longest_s, self.patience.shortest_s * 2**self._failures)
        self._failures = min(self._failures + 1, 30)
        wait_s = max(at_least_s, longest * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        over = monotonic_s() + wait_s - self._began_s > self.patience.total_s
        return None if over else wait_s
