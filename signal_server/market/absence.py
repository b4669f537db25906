"""Bars that are not there: because nothing was traded, or because nobody has looked."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.market.coverage import Interval
from signal_server.market.quality.frame import microseconds
from signal_server.market.quality.shape import Times

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Absences:
    """Stretches without bars, oldest first: after one close and before the next.

    Of the `absent` bars of a stretch, `quiet` lie in covered periods: a source was asked and has
    none. Nobody has asked for the rest.
    """

    after: Times
    before: Times
    absent: Counts
    quiet: Counts

    @property
    def missing(self) -> Counts:
        """How many bars of each stretch nobody has asked for."""
        return self.absent - self.quiet


class CoveredBars:
    """Counts the bars that covered periods can hold."""

    def __init__(self, covered: Iterable[Interval], bar_us: int) -> None:
        """Take periods in order and without overlap."""
        edges = [(microseconds(start), microseconds(end)) for start, end in covered]
        # A bar belongs to (start, end]: both edges count from the bar's length before them.
        numbers = np.array(edges, dtype=np.int64).reshape(-1, 2) // bar_us
        self._bar_us = bar_us
        self._starts = numbers[:, 0]
        self._lengths = numbers[:, 1] - numbers[:, 0]
        self._before = np.concatenate(([0], np.cumsum(self._lengths)))

    def until(self, moments: Times) -> Counts:
        """Return how many lie in covered periods up to each moment."""
        if not len(self._starts):
            return np.zeros(len(moments), dtype=np.int64)
        numbers = moments // self._bar_us
        at = np.searchsorted(self._starts, numbers, side="right") - 1
        inside = np.minimum(numbers - self._starts[at], self._lengths[at])
        return np.where(at < 0, 0, self._before[at] + inside)


def absences(times: Times, covered: CoveredBars, bar_us: int) -> Absences:
    """Find the stretches between the first and the last of these closes, which rise."""
    steps = np.diff(times) // bar_us
    rows = np.flatnonzero(steps > 1)
    after, before = times[rows], times[rows + 1]
    quiet = covered.until(before - bar_us) - covered.until(after)
    return Absences(after, before, steps[rows] - 1, quiet)
