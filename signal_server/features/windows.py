"""Rolling windows over arrays, made so that a window holds nothing of what has left it.

A running sum keeps rounding errors of old values for ever: after a storm a market that stands
still would seem to move by a hair, and a ratio of two such hairs is any number. Here the bars are
cut into blocks of the window's length; a window is the end of one block and the head of the next,
and only its own values are ever added. Cost is O(n) whatever the length.

All arrays are float64 and as long as the bars. A window with a NaN in it, or with fewer bars than
its length, gives NaN.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def before(values: Array, bars: int) -> Array:
    """Return at each bar the value `bars` earlier."""
    earlier = np.full(len(values), np.nan)
    earlier[bars:] = values[: max(len(values) - bars, 0)]
    return earlier


def ratio(numerator: Array, denominator: Array, neutral: float) -> Array:
    """Divide; where the denominator is 0 the value is `neutral`, and NaN stays NaN."""
    quotient: Array = np.where(np.isnan(numerator), np.nan, neutral)
    np.divide(numerator, denominator, out=quotient, where=denominator != 0)
    return quotient


def rolling_sum(values: Array, length: int) -> Array:
    """Return the sum of the last `length` values."""
    return _joined(np.add, values, length)


def rolling_mean(values: Array, length: int) -> Array:
    """Return the mean of the last `length` values."""
    return rolling_sum(values, length) / length


def rolling_max(values: Array, length: int) -> Array:
    """Return the largest of the last `length` values."""
    return _joined(np.maximum, values, length)


def rolling_min(values: Array, length: int) -> Array:
    """Return the smallest of the last `length` values."""
    return _joined(np.minimum, values, length)


def rolling_deviation(values: Array, length: int, freedom: int = 1) -> Array:
    """Return the standard deviation of the last `length` values; exactly 0 if all are equal.

    Divides by `length - freedom`. The two parts of a window are united as in Chan, Golub and
    LeVeque (1979), each measured from a value of its own, so that no digits are lost beside the
    square of the mean.
    """
    deviation = np.full(len(values), np.nan)
    if len(values) >= length:
        blocks = _blocks(values, length)
        ends = _spread(blocks, slice(len(values) - length + 1), backwards=True)
        heads = _spread(blocks, slice(length - 1, len(values)), backwards=False)
        squares = ends.united(heads)
        # Every length-th window is a whole block, and would be counted twice.
        squares[::length] = ends.squares[::length]
        deviation[length - 1 :] = np.sqrt(squares / (length - freedom))
    return deviation


def _joined(combine: np.ufunc, values: Array, length: int) -> Array:
    result = np.full(len(values), np.nan)
    if len(values) >= length:
        blocks = _blocks(values, length)
        heads = combine.accumulate(blocks, axis=1).ravel()
        ends = combine.accumulate(blocks[:, ::-1], axis=1)[:, ::-1].ravel()
        starts = ends[: len(values) - length + 1]
        result[length - 1 :] = combine(starts, heads[length - 1 : len(values)])
        # Every length-th window is a whole block, and would be counted twice.
        result[length - 1 :: length] = starts[::length]
    return result


def _blocks(values: Array, length: int) -> Array:
    """Return the values in rows of `length`, the last row filled up with zeros."""
    filled = np.zeros(-(-len(values) // length) * length)
    filled[: len(values)] = values
    return filled.reshape(-1, length)


@dataclass(frozen=True, slots=True)
class _Spread:
    """For each position: count, mean and squared distances of its block's values up to it.

    The mean is `reference + offset`, kept apart because the reference is exact.
    """

    count: Array
    reference: Array
    offset: Array
    squares: Array

    def united(self, other: "_Spread") -> Array:
        """Return the squared distances of both together."""
        apart = (self.reference - other.reference) + (self.offset - other.offset)
        weight = self.count * other.count / (self.count + other.count)
        return self.squares + other.squares + apart**2 * weight


def _spread(blocks: Array, positions: slice, *, backwards: bool) -> _Spread:
    ordered = blocks[:, ::-1] if backwards else blocks
    count = np.arange(1.0, blocks.shape[1] + 1)
    distance = ordered - ordered[:, :1]
    total = distance.cumsum(axis=1)
    squares = (distance**2).cumsum(axis=1) - total**2 / count
    parts = (count, ordered[:, :1], total / count, squares)
    whole = [np.broadcast_to(part, blocks.shape) for part in parts]
    return _Spread(*(part[:, :: -1 if backwards else 1].ravel()[positions] for part in whole))
