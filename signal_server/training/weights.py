"""How much each label says that its neighbours do not say already."""

import numpy as np
from numpy.typing import NDArray

MAX_WEIGHT = 10.0


def average_uniqueness(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the average uniqueness of one symbol's labels, in (0, 1], 1 where none overlaps.

    A label rests on what happens in (`start`, `end`], `start` below `end`, in any unit of time.
    At a moment that c labels rest on, each is unique by 1/c; the result is the mean of that over
    its time. What a label is worth follows from no label that starts after its end.
    Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 4.
    """
    moments, place = np.unique(np.concatenate([start, end]), return_inverse=True)
    starts, ends = place[: len(start)], place[len(start) :]
    changes = np.bincount(starts, minlength=len(moments)).astype(np.int64)
    changes -= np.bincount(ends, minlength=len(moments))
    active = np.cumsum(changes)[:-1]
    shares = np.diff(moments) / np.maximum(active, 1)
    until = np.concatenate([[0.0], np.cumsum(shares)])
    return np.asarray((until[ends] - until[starts]) / (end - start), dtype=np.float64)


def row_weights(uniqueness: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return uniqueness as weights with a mean of 1, none above 10 times the usual uniqueness.

    At the edge of the data, or after a hole, a label has no neighbours and would else count as
    much as hundreds of others.
    """
    usual = uniqueness.mean(dtype=np.float64)
    capped = np.minimum(uniqueness, MAX_WEIGHT * usual)
    return np.asarray(capped / capped.mean(dtype=np.float64), dtype=np.float32)
