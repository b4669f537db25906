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
    """Divide; where the denominator is 0 the value is `neutral`, and NaN stays NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
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
        count = len(self._levels[0]) - length + 1
        result = np.full(len(self._levels[0]), np.nan)
        if count > 0:
            first, *rest = (self._part(level, offset, length, count) for level, offset in parts)
            joined = result[length - 1 :]
            joined[:] = first
            for part in rest:
                self._combine(joined, part, out=joined)
        return result

    def _part(self, level: int, offset: int, length: int, count: int) -> Array:
        start = length - offset - (1 << level)
        return self.level(level)[start : start + count]


def rolling_sum(values: Array, length: int) -> Array:
    """Return the sum of the last `length` values."""
    return Ladder(np.add, values).window(length)


def rolling_max(values: Array, length: int) -> Array:
    """Return the largest of the last `length` values."""
    return Ladder(np.maximum, values).window(length)


def rolling_deviation(values: Array, length: int, freedom: int = 1) -> Array:
    """Return the standard deviation of the last `length` values; exactly 0 if all are equal.

    Divides by `length - freedom`. Windows are united as in Chan, Golub and LeVeque (1979), their
    means counted from values of their own, so that no digits are lost beside the square of the
    mean.
    """
    deviation = np.full(len(values), np.nan)
    count = len(values) - length + 1
    if count > 0:
        squares = _squares(values, length, count)
        deviation[length - 1 :] = np.sqrt(squares / (length - freedom))
    return deviation


def _squares(values: Array, length: int, count: int) -> Array:
    """Return the sum of squared distances from the mean of each window of `length`.

    The mean of a part is kept as its offset from the part's newest value.
    """
    levels = _spreads(values, length.bit_length())
    newest = values[length - 1 :]
    have = 0
    offset: Array = np.zeros(count)
    squares: Array = np.zeros(count)
    for level, back in pieces(length):
        size = 1 << level
        start = length - back - size
        other, other_squares = (part[start : start + count] for part in levels[level])
        move = newest - values[length - 1 - back : length - 1 - back + count]
        apart = (offset - other) + move
        squares = squares + other_squares + apart**2 * (have * size / (have + size))
        offset = offset - apart * (size / (have + size))
        have += size
    return squares


def _spreads(values: Array, levels: int) -> list[tuple[Array, Array]]:
    """Return for each power of two: the offsets of the windows' means, and their squares."""
    spreads: list[tuple[Array, Array]] = [(np.zeros(len(values)), np.zeros(len(values)))]
    for level in range(levels - 1):
        half = 1 << level
        offset, squares = spreads[-1]
        newest = values[half - 1 :]
        apart = (offset[half:] - offset[:-half]) + (newest[half:] - newest[:-half])
        united = squares[half:] + squares[:-half] + apart**2 * (half / 2)
        spreads.append((offset[half:] - apart / 2, united))
    return spreads
