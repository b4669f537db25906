"""What needs no boosted trees: the direction that was last known, and a logistic regression."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from signal_server.training.dataset import Dataset
from signal_server.training.evaluation import Rival

LAST_DIRECTION = "last known direction"
LOGISTIC = "logistic regression"
MAX_FIT_ROWS = 30_000
MAX_DEVIATIONS = 5.0
INVERSE_PENALTY = 0.01
_BLOCK_ROWS = 100_000


def rivals_of(
    dataset: Dataset, fit_rows: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[Rival, ...]:
    """Return all baselines' forecasts for `rows`, fitted on `fit_rows` alone.

    A dataset that holds no features, as one larger than memory, has no logistic regression.
    """
    last = last_direction(dataset, fit_rows, rows)
    if dataset.features.shape[1] < len(dataset.names):
        return (last,)
    return last, logistic_regression(dataset, fit_rows, rows)


def last_direction(dataset: Dataset, fit_rows: NDArray[np.int64], rows: NDArray[np.int64]) -> Rival:
    """Forecast the symbol's newest label that is known at the bar's close.

    Where none is known yet it is the commonest class of `fit_rows`.
    """
    newest = _newest_known_label(dataset, rows)
    commonest = np.bincount(dataset.labels[fit_rows]).argmax()
    return Rival(LAST_DIRECTION, np.where(newest < 0, commonest, newest).astype(np.int8))


def logistic_regression(
    dataset: Dataset, fit_rows: NDArray[np.int64], rows: NDArray[np.int64]
) -> Rival:
    """Fit on `fit_rows`, or on 30,000 of them evenly spread, and forecast for `rows`.

    Features are scaled by mean and deviation of the rows that it is fitted on, held within five
    deviations, and set to the mean where missing. A single class gives that class.
    """
    spread = np.linspace(0, len(fit_rows) - 1, min(len(fit_rows), MAX_FIT_ROWS)).astype(np.int64)
    seen = fit_rows[spread]
    scaling = _Scaling.of(dataset.features[seen])
    known = np.unique(dataset.labels[seen])
    probabilities = np.zeros((len(rows), len(dataset.classes)))
    if len(known) < 2:
        probabilities[:, known] = 1.0
    else:
        model = LogisticRegression(C=INVERSE_PENALTY, tol=1e-3)
        model.fit(scaling.apply(dataset.features[seen]), dataset.labels[seen])
        for part in _parts(len(rows)):
            scaled = scaling.apply(dataset.features[rows[part]])
            probabilities[part, model.classes_] = model.predict_proba(scaled)
    return Rival(LOGISTIC, probabilities.argmax(axis=1).astype(np.int8), probabilities)


@dataclass(frozen=True, slots=True)
class _Scaling:
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]

    @classmethod
    def of(cls, features: NDArray[np.float32]) -> "_Scaling":
        """Measure each column, NaN and infinities left out; an empty one counts as all 0."""
        finite = np.isfinite(features)
        values = np.where(finite, features, 0.0).astype(np.float64)
        count = np.maximum(finite.sum(axis=0), 1)
        mean = values.sum(axis=0) / count
        spread = np.sqrt((np.where(finite, values - mean, 0.0) ** 2).sum(axis=0) / count)
        return cls(mean, np.where(spread > 0, spread, 1.0))

    def apply(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return deviations from the mean, within five, 0 where missing."""
        scaled = (features - self.mean) / self.deviation
        scaled[~np.isfinite(scaled)] = 0.0
        return np.clip(scaled, -MAX_DEVIATIONS, MAX_DEVIATIONS)


def _newest_known_label(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the label that became known last, -1 where the symbol has none yet."""
    newest = np.full(len(rows), -1, dtype=np.int64)
    for code in np.unique(dataset.symbol_codes[rows]):
        mine = np.flatnonzero(dataset.symbol_codes == code)
        known_at = dataset.known_at.asi8[mine]
        order = np.argsort(known_at, kind="stable")
        asked = np.flatnonzero(dataset.symbol_codes[rows] == code)
        now = dataset.time.asi8[rows[asked]]
        position = np.searchsorted(known_at[order], now, side="right") - 1
        label = dataset.labels[mine[order]][np.maximum(position, 0)]
        newest[asked] = np.where(position < 0, -1, label)
    return newest


def _parts(count: int) -> Iterator[slice]:
    for first in range(0, count, _BLOCK_ROWS):
        yield slice(first, min(first + _BLOCK_ROWS, count))
