"""Whether confidence means what it says: bins of confidence, their accuracy and its interval."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from signal_server.training.bootstrap import Interval, Resampling, independent_rows
from signal_server.training.evaluation import Evaluation

CONFIDENCE_EDGES = (
    0.0, 0.40, 0.45, 0.50, 0.52, 0.54, 0.56, 0.58, 0.60, 0.65, 0.70, 0.80, 1.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConfidenceBin:
    """Test rows whose confidence lies in [`low`, `high`); the last bin includes 1.

    `independent_rows` counts the horizons that hold such a row: neighbours share an outcome.
    """

    low: float
    high: float
    rows: int
    independent_rows: int
    mean_confidence: float
    accuracy: float
    interval: Interval


def confidence_bins(
    evaluation: Evaluation, correct: NDArray[np.float64], resampling: Resampling
) -> tuple[ConfidenceBin, ...]:
    """Return the bins that hold a row."""
    confidence, bins = evaluation.confidence, []
    for low, high in pairwise(CONFIDENCE_EDGES):
        last = high == CONFIDENCE_EDGES[-1]
        inside = (confidence >= low) & ((confidence < high) | last)
        if inside.any():
            bins.append(_bin(evaluation, correct, resampling, (inside, low, high)))
    return tuple(bins)


def top_tenth(
    evaluation: Evaluation, correct: NDArray[np.float64], resampling: Resampling
) -> ConfidenceBin:
    """Bin the most confident tenth of the rows, ties at its edge included."""
    edge = float(np.quantile(evaluation.confidence, 0.9, method="higher"))
    inside = evaluation.confidence >= edge
    return _bin(evaluation, correct, resampling, (inside, edge, 1.0))


def _bin(
    evaluation: Evaluation,
    correct: NDArray[np.float64],
    resampling: Resampling,
    which: tuple[NDArray[np.bool_], float, float],
) -> ConfidenceBin:
    inside, low, high = which
    accuracy = resampling.share(correct, inside)
    return ConfidenceBin(
        low=low,
        high=high,
        rows=int(inside.sum()),
        independent_rows=independent_rows(evaluation.time[inside], evaluation.horizon_s),
        mean_confidence=float(evaluation.confidence[inside].mean()),
        accuracy=accuracy.value,
        interval=accuracy.interval,
    )
