"""Turn logits into probabilities that mean what they say.

Temperature scaling (Guo et al., 2017) around the mean logits: one slope, fitted on the calibration
part alone. Rows overlap, so that part holds few independent outcomes, too few for a free curve
such as isotonic regression; and a shift of the base rate is left out, since which way the market
happened to go in one period says nothing of the next. Even the slope is pulled towards "leave the
booster as it is" by a prior, which weighs against the independent rows only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SLOPE_PRIOR_SD = 0.5
MAX_SLOPE = 10.0
_BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities are `softmax(center + slope * (logits - center))`.

    `center` is the mean logit of each class: the slope scales what sets a row apart, not the base
    rate. `slope` lies between 0 and 10.
    """

    center: tuple[float, ...]
    slope: float

    def apply(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        center = np.asarray(self.center)
        return _softmax(center + self.slope * (logits - center))


def fit_calibration(
    logits: NDArray[np.float64], labels: NDArray[np.int8], independent_rows: float
) -> Calibration:
    """Find the slope of greatest posterior probability.

    `logits` are (rows, classes), `labels` class indices. The mean log-loss weighs as much as
    `independent_rows` outcomes against the prior, slope 1 give or take 0.5. A slope under 0 would
    turn the booster's order round, so 0 (always the base rate) is the least.
    """
    center = logits.mean(axis=0)
    apart = logits - center
    outcome = np.eye(logits.shape[1])[labels.astype(np.int64)]

    def rise(slope: float) -> float:
        error = _softmax(center + slope * apart) - outcome
        likelihood = independent_rows * float((error * apart).sum(axis=1).mean())
        return likelihood + (slope - 1.0) / SLOPE_PRIOR_SD**2

    return Calibration(tuple(float(logit) for logit in center), _lowest_point(rise))


def _lowest_point(rise: Callable[[float], float]) -> float:
    """Return where a convex function of the slope is least, from its derivative `rise`."""
    if rise(0.0) >= 0:
        return 0.0
    low, high = 0.0, MAX_SLOPE
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(middle) < 0 else (low, middle)
    return (low + high) / 2


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)
