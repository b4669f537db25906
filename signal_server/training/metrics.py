"""Figures of merit of probabilities, row by row where an interval is to be drawn around them."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from signal_server.training.bootstrap import MIN_EFFECTIVE, effective_count

ECE_BINS = 10
NOISE_DRAWS = 500
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
    error = confidence - correct
    gaps = (abs(float(error[rows].sum())) for rows in _bins(confidence))
    return sum(gaps) / len(confidence)


def calibration_noise(
    confidence: Rows, correct: Rows, blocks: NDArray[np.int64], seed: int
) -> float | None:
    """Return the calibration error that perfectly calibrated confidence would show on average.

    It is above 0 since bins hold few independent rows. The errors, less their mean, keep their
    sizes and change their sign block by block of time (a wild bootstrap: Liu, 1988), so that
    overlapping rows stay together. It is the mean of all rows: that of a bin's would take away
    the noise itself where the bin lies in few blocks. `blocks` has a number for every row, from 0
    up. None where the rows lie in fewer than two blocks' worth, which show nothing of it.
    """
    sizes = np.bincount(blocks).astype(np.float64)
    effective = effective_count(sizes)
    if effective < MIN_EFFECTIVE:
        return None
    error = confidence - correct
    error = (error - error.mean()) * np.sqrt(effective / (effective - 1))
    sums = np.zeros((ECE_BINS, len(sizes)))
    for number, rows in enumerate(_bins(confidence)):
        sums[number] = np.bincount(blocks[rows], weights=error[rows], minlength=len(sizes))
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(len(sizes), NOISE_DRAWS))
    return float(np.abs(sums @ signs).sum(axis=0).mean() / len(confidence))


def _bins(confidence: Rows) -> list[NDArray[np.int64]]:
    """Return the rows of each bin that has any, from the least sure up."""
    parts = np.array_split(np.argsort(confidence, kind="stable"), ECE_BINS)
    return [rows for rows in parts if len(rows)]


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
