"""How much each label says that its neighbours do not say already."""

import numpy as np
from numpy.typing import NDArray


def average_uniqueness(
    start: NDArray[np.int64], end: NDArray[np.int64], group: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return each label's average uniqueness, in (0, 1], 1 where no other overlaps it.

    A label rests on what happens in (`start`, `end`], `start` below `end`, in any unit of time.
    At a moment that c labels of its group rest on, it is unique by 1/c; the result is the mean of
    that over its time. What a label is worth follows from no label that starts after its end.
    Source: López de Prado, Advances in Financial Machine Learning (2018), chapter 4.
    """
    unique = np.empty(len(start), dtype=np.float64)
    for one in np.unique(group):
        rows = np.flatnonzero(group == one)
        unique[rows] = _of_one_group(start[rows], end[rows])
    return unique


def mean_one(weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the weights scaled so that their mean is 1."""
    return (weights / weights.mean()).astype(np.float32) if len(weights) else np.empty(0, "f4")


def _of_one_group(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.float64]:
    moments, place = np.unique(np.concatenate([start, end]), return_inverse=True)
    starts, ends = place[: len(start)], place[len(start) :]
    changes = np.bincount(starts, minlength=len(moments)).astype(np.int64)
    changes -= np.bincount(ends, minlength=len(moments))
    active = np.cumsum(changes)[:-1]
    shares = np.diff(moments) / np.maximum(active, 1)
    until = np.concatenate([[0.0], np.cumsum(shares)])
    return np.asarray((until[ends] - until[starts]) / (end - start), dtype=np.float64)
