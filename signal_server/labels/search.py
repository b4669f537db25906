"""When a price first leaves a corridor: for many corridors at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 65_536
"""Questions that are answered together, so that the tables they look into stay in the cache."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Corridor:
    """Between what each bar moved: its lowest and highest price, both float64 (bars,)."""

    lowest: Floats
    highest: Floats


def first_outside(
    prices: Corridor, limits: tuple[Floats, Floats], begin: Integers, end: Integers
) -> Integers:
    """Return for each question the first bar from `begin` on that is outside its limits.

    A bar is outside when its lowest is at or below the lower limit or its highest at or above the
    upper; `end` is the answer where that is not before it. `begin` must rise and not be above
    `end`. Takes O(log(end - begin)) a question: extremes of 1, 2, 4, ... bars are computed once,
    and each question steps over the longest stretches that stay inside.
    """
    found = end.copy()
    for first in range(0, len(begin), CHUNK_ROWS):
        rows = slice(first, first + CHUNK_ROWS)
        lower, upper = limits[0][rows], limits[1][rows]
        found[rows] = _search(prices, (lower, upper), begin[rows], end[rows])
    return found


def _search(
    prices: Corridor, limits: tuple[Floats, Floats], begin: Integers, end: Integers
) -> Integers:
    offset, steps = int(begin[0]), int((end - begin).max()).bit_length()
    until = min(int(end.max()), len(prices.lowest))
    part = Corridor(prices.lowest[offset:until], prices.highest[offset:until])
    at = begin - offset
    for step, stretch in reversed(list(enumerate(_extremes(part, steps)))):
        inside = (stretch.lowest[at] > limits[0]) & (stretch.highest[at] < limits[1])
        at = np.minimum(at + inside * (1 << step), until - offset)
    return np.minimum(at + offset, end)


def _extremes(prices: Corridor, steps: int) -> Iterator[Corridor]:
    """Yield the extremes of 1, 2, 4, ... bars from each bar on; one more is past the end."""
    low, high = np.append(prices.lowest, np.inf), np.append(prices.highest, -np.inf)
    for step in range(steps):
        yield Corridor(low, high)
        ahead = 1 << step
        low, high = low.copy(), high.copy()
        np.minimum(low[:-ahead], low[ahead:], out=low[:-ahead])
        np.maximum(high[:-ahead], high[ahead:], out=high[:-ahead])
