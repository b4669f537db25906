"""One measured figure, and how two pieces of work are timed side by side."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

COMMAND = "make bench"


@dataclass(frozen=True, slots=True)
class Result:
    """A figure beside a floor or peer of the same run, in the same unit."""

    name: str
    value: float
    unit: str
    floor: float
    floor_name: str
    data: str
    command: str = COMMAND


def interleaved_ms(
    ours: Callable[[], object], other: Callable[[], object], repetitions: int
) -> tuple[float, float]:
    """Return the median milliseconds of both, run in turn after one warm-up each."""
    taken: tuple[list[float], list[float]] = ([], [])
    ours()
    other()
    for _ in range(repetitions):
        for work, times in ((ours, taken[0]), (other, taken[1])):
            start = time.perf_counter()
            work()
            times.append((time.perf_counter() - start) * 1000)
    return median(taken[0]), median(taken[1])
