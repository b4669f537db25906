"""Figures of merit of probabilities, row by row where an interval is to be drawn around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

ECE_BINS = 10
_TINY = 1e-15

Rows = NDArray[np.float64]


def log_losses(probabilities: Rows, labels: NDArray[np.int8]) -> Rows:
    """Return each row's log-loss in nats; `probabilities` are (rows, classes)."""
    chosen = probabilities[np.arange(len(labels)), labels.astype(np.int64)]
    return np.asarray(-np.log(np.maximum(chosen, _TINY)), dtype=np.float64)


def brier_scores(probabilities: Rows, labels: NDArray[np.int8]) -> Rows:
    """Return each row's squared error summed over classes, 0 to 2.

    `probabilities` are (rows, classes), or (1, classes) for a constant forecast.
    """
    of_label = np.broadcast_to(probabilities, (len(labels), probabilities.shape[1]))
    chosen = of_label[np.arange(len(labels)), labels.astype(np.int64)]
    return np.asarray((of_label**2).sum(axis=1) - 2 * chosen + 1, dtype=np.float64)


def calibration_error(confidence: Rows, correct: Rows) -> float:
    """Return the expected calibration error over ten bins of equally many rows."""
    order = np.argsort(confidence, kind="stable")
    gaps = [
        abs(float((confidence[rows] - correct[rows]).sum()))
        for rows in np.array_split(order, ECE_BINS)
    ]
    return sum(gaps) / len(order)


def auc_terms(score: Rows, positive: NDArray[np.bool_]) -> Rows | None:
    """Return values whose mean is the area under the ROC curve; None if one side has no row.

    Each is the area plus the row's influence on it (DeLong et al., 1988, placement values), so
    that the spread of their mean under resampled blocks is that of the area.
    """
    count = len(positive)
    hits = int(positive.sum())
    if hits in (0, count):
        return None
    ranks = stats.rankdata(score)
    placement = np.empty(count)
    above = ranks[positive] - stats.rankdata(score[positive])
    below = ranks[~positive] - stats.rankdata(score[~positive])
    placement[positive] = above / (count - hits)
    placement[~positive] = 1 - below / hits
    area = float(placement[positive].mean())
    share = np.where(positive, hits, count - hits) / count
    return np.asarray(area + (placement - area) / share, dtype=np.float64)


def rank_correlation_terms(score: Rows, right: NDArray[np.bool_]) -> Rows | None:
    """Return values whose mean is Spearman's correlation of `score` with being right.

    With two outcomes it is the area under the ROC curve, moved and stretched: rho = (area - 1/2)
    n sqrt(p q) / sd(ranks). None if all rows are right or wrong, or all scores the same.
    """
    terms = auc_terms(score, right)
    spread = float(stats.rankdata(score).std())
    if terms is None or spread == 0:
        return None
    share = float(right.mean())
    stretch = len(right) * np.sqrt(share * (1 - share)) / spread
    return np.asarray((terms - 0.5) * stretch, dtype=np.float64)
