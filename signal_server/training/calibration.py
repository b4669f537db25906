"""Turn logits into probabilities that mean what they say.

One slope for all classes and one shift a class (Platt's scaling, for several classes), fitted on
the calibration part alone. Rows overlap, so that part holds few independent outcomes, often too
few for a free curve such as isotonic regression: even these parameters are pulled towards "leave
the booster as it is" by a prior, whose weight counts against the independent rows only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize  # type: ignore[import-untyped]

SLOPE_PRIOR_SD = 0.5
SHIFT_PRIOR_SD = 0.1


@dataclass(frozen=True, slots=True)
class Calibration:
    """Probabilities are `softmax(center + slope * (logits - center) + shifts)`.

    `center` is the mean logit of each class: the slope scales what sets a row apart, not the base
    rate. `slope` is at least 0.
    """

    center: tuple[float, ...]
    slope: float
    shifts: tuple[float, ...]

    def apply(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        center = np.asarray(self.center)
        apart = self.slope * (logits - center)
        return np.exp(_log_softmax(center + apart + np.asarray(self.shifts)))


def fit_calibration(
    logits: NDArray[np.float64], labels: NDArray[np.int8], independent_rows: float
) -> Calibration:
    """Find the slope and shifts of greatest posterior probability.

    `logits` are (rows, classes), `labels` class indices. The mean log-loss weighs as much as
    `independent_rows` outcomes against the priors: slope 1 and shifts 0. A slope under 0 would
    turn the booster's order round, so 0 (always the base rate) is the least.
    """
    class_count = logits.shape[1]
    center = logits.mean(axis=0)
    found = minimize(
        _loss_and_gradient,
        np.array([1.0] + [0.0] * class_count),
        args=(logits - center, center, labels.astype(np.int64), independent_rows),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] + [(None, None)] * class_count,
    )
    return Calibration(
        center=tuple(float(logit) for logit in center),
        slope=float(found.x[0]),
        shifts=tuple(float(shift) for shift in found.x[1:]),
    )


def _loss_and_gradient(
    parameters: NDArray[np.float64],
    apart: NDArray[np.float64],
    center: NDArray[np.float64],
    labels: NDArray[np.int64],
    independent_rows: float,
) -> tuple[float, NDArray[np.float64]]:
    slope, shifts = parameters[0], parameters[1:]
    log_probabilities = _log_softmax(center + slope * apart + shifts)
    rows = np.arange(len(labels))
    error = np.exp(log_probabilities)
    error[rows, labels] -= 1.0
    prior = (slope - 1.0) ** 2 / SLOPE_PRIOR_SD**2 + (shifts**2).sum() / SHIFT_PRIOR_SD**2
    loss = -independent_rows * log_probabilities[rows, labels].mean() + prior / 2
    gradient = independent_rows * np.array(
        [(error * apart).sum(axis=1).mean(), *error.mean(axis=0)]
    )
    gradient[0] += (slope - 1.0) / SLOPE_PRIOR_SD**2
    gradient[1:] += shifts / SHIFT_PRIOR_SD**2
    return float(loss), gradient


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities: NDArray[np.float64] = shifted - np.log(
        np.exp(shifted).sum(axis=1, keepdims=True)
    )
    return log_probabilities
