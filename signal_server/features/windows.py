"""Rolling windows over arrays, made so that a window holds nothing of what has left it.

A running sum keeps rounding errors of old values for ever: after a storm a market that stands
still would seem to move by a hair, and a ratio of two such hairs is any number. Here a window is
put together of windows whose lengths are powers of two, each of two of half its length, and so of
its own values alone, in the same order wherever it stands. Cost is O(n log length).

All arrays are float64 and as long as the bars. A window with a NaN in it, or with fewer bars than
its length, gives NaN.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def before(values: Array, bars: int) -> Array:
    """Return at each bar the value `bars` earlier."""
    earlier = np.empty(len(values))
    earlier[:bars] = np.nan
    earlier[bars:] = values[: max(len(values) - bars, 0)]
    return earlier


def ratio(numerator: Array, denominator: Array, neutral: float) -> Array:
    """Divide; where the denominator is 0 the value is `neutral`, and NaN stays NaN.

    numpy warns of such a division; the engines keep it silent.
    """
    quotient: Array = numerator / denominator
    idle = denominator == 0
    if idle.any():
        quotient[idle] = np.where(np.isnan(numerator[idle]), np.nan, neutral)
    return quotient


def pieces(length: int, *, overlap: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the windows that make one of `length`: level (a power of two) and bars before it.

    The newest comes first and is the shortest, so that none begins further back than its length.
    With `overlap` two windows do, where a value that is counted twice changes nothing.
    """
    if overlap:
        level = length.bit_length() - 1
        yield level, 0
        yield level, length - (1 << level)
        return
    offset = 0
    for level in range(length.bit_length()):
        if length >> level & 1:
            yield level, offset
            offset += 1 << level


class Ladder:
    """The windows of one array whose lengths are powers of two, made when they are needed.

    `level(k)[i]` is the window of 2**k values that begins at i.
    """

    def __init__(self, combine: np.ufunc, values: Array) -> None:
        """Join values with `combine`: `numpy.add`, or `numpy.maximum`."""
        self._combine = combine
        self._levels = [values]

    def level(self, level: int) -> Array:
        """Return the windows of 2**level values; empty where there are too few."""
        while len(self._levels) <= level:
            half = 1 << (len(self._levels) - 1)
            last = self._levels[-1]
            self._levels.append(self._combine(last[half:], last[: max(len(last) - half, 0)]))
        return self._levels[level]

    def window(self, length: int) -> Array:
        """Return the sum, or the maximum, of the last `length` values."""
        parts = pieces(length, overlap=self._combine is not np.add)
        return self._laid_out(length, parts)

    def _laid_out(self, length: int, parts: Iterator[tuple[int, int]]) -> Array:
        values = self._levels[0]
        count = len(values) - length + 1
        if count <= 0:
            return np.full(len(values), np.nan)
        result = np.empty(len(values))
        result[: length - 1] = np.nan
        joined, *rest = (self._part(level, offset, length, count) for level, offset in parts)
        for part in rest:
            joined = self._combine(joined, part, out=result[length - 1 :])
        result[length - 1 :] = joined
        return result

    def _part(self, level: int, offset: int, length: int, count: int) -> Array:
        start = length - offset - (1 << level)
        return self.level(level)[start : start + count]


def rolling_deviation(values: Array, length: int, freedom: int = 1) -> Array:
    """Return the standard deviation of the last `length` values; exactly 0 if all are equal.

    Divides by `length - freedom`. All distances are counted from the window's newest value, so
    that no digits are lost beside the square of the mean.
    """
    deviation = np.full(len(values), np.nan)
    count = len(values) - length + 1
    if count > 0:
        total, squares = _distances(values, length, count)
        squares -= total**2 / length
        deviation[length - 1 :] = np.sqrt(np.maximum(squares, 0.0) / (length - freedom))
    return deviation


def _distances(values: Array, length: int, count: int) -> tuple[Array, Array]:
    """Return sums of the distances from each window's newest value, and of their squares."""
    levels = _distances_by_level(values, length.bit_length())
    newest = values[length - 1 :]
    found: tuple[Array, Array] | None = None
    for level, back in pieces(length):
        size = 1 << level
        start = length - back - size
        total, squares = (part[start : start + count] for part in levels[level])
        if found is None:
            found = total, squares
        else:
            apart = values[length - 1 - back : length - 1 - back + count] - newest
            found = _united(found, (total, squares), apart, size)
    return found or (np.zeros(count), np.zeros(count))


def _distances_by_level(values: Array, levels: int) -> list[tuple[Array, Array]]:
    """Return the same for all windows of each power of two."""
    apart = values[:-1] - values[1:]
    none: Array = np.zeros(len(values))
    found: list[tuple[Array, Array]] = [(none, none), (apart, apart**2)]
    for level in range(1, levels - 1):
        half = 1 << level
        newest = values[half - 1 :]
        newer = found[-1][0][half:], found[-1][1][half:]
        older = found[-1][0][:-half], found[-1][1][:-half]
        found.append(_united(newer, older, newest[:-half] - newest[half:], half))
    return found


def _united(
    newer: tuple[Array, Array], older: tuple[Array, Array], apart: Array, size: int
) -> tuple[Array, Array]:
    """Add `size` older values, whose distances count from a value that is `apart`."""
    moved = size * apart
    cross = 2 * older[0]
    cross += moved
    cross *= apart
    cross += older[1]
    cross += newer[1]
    moved += older[0]
    moved += newer[0]
    return moved, cross
