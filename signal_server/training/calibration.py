"""Turn logits into probabilities that mean what they say: the kinds, and how each is fitted.

Rows overlap, so a calibration part holds few independent outcomes. Every kind is therefore pulled
towards "leave the booster as it is" by a prior that weighs against the independent rows only.
A kind is JSON as it stands, told apart by `kind`; without one it is a temperature.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Discriminator, Tag
from scipy import optimize
from sklearn.isotonic import isotonic_regression

SLOPE_PRIOR_SD = 0.5
SHIFT_PRIOR_SD = 0.1
MAX_SLOPE = 10.0
ROWS_PER_STEP = 30
MAX_STEPS = 40
_BISECTIONS = 40
_TINY = 1e-12

Logits = NDArray[np.float64]
Labels = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """Probabilities are `softmax(logits)`."""

    class_count: int
    kind: Literal["none"] = "none"

    def apply(self, logits: Logits) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        return _softmax(logits)


@dataclass(frozen=True, slots=True)
class Temperature:
    """Probabilities are `softmax(center + slope * (logits - center))` (Guo et al., 2017).

    `center` is the mean logit of each class: the slope scales what sets a row apart, not the base
    rate. `slope` lies between 0 and 10.
    """

    center: tuple[float, ...]
    slope: float
    kind: Literal["temperature"] = "temperature"

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return len(self.center)

    def apply(self, logits: Logits) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        center = np.asarray(self.center)
        return _softmax(center + self.slope * (logits - center))


@dataclass(frozen=True, slots=True)
class Platt:
    """Probabilities are `softmax(slopes * logits + shifts)`: vector scaling (Guo et al., 2017).

    With two classes it is Platt scaling (1999).
    """

    slopes: tuple[float, ...]
    shifts: tuple[float, ...]
    kind: Literal["platt"] = "platt"

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return len(self.slopes)

    def apply(self, logits: Logits) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        return _softmax(np.asarray(self.slopes) * logits + np.asarray(self.shifts))


@dataclass(frozen=True, slots=True)
class Beta:
    """Each class's odds are `p^a / (1 - p)^b * e^c` (Kull et al., 2017), shares then add up to 1.

    `curves` holds (a, b, c) of each class; a and b are not below 0.
    """

    curves: tuple[tuple[float, float, float], ...]
    kind: Literal["beta"] = "beta"

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return len(self.curves)

    def apply(self, logits: Logits) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        columns = zip(_softmax(logits).T, self.curves, strict=True)
        return _shares([_sigmoid(_beta_terms(p) @ np.asarray(curve)) for p, curve in columns])


@dataclass(frozen=True, slots=True)
class Isotonic:
    """Each class's probability follows a rising curve of points; shares then add up to 1.

    `curves` holds, for each class, its points' probabilities before and after, both rising; between
    points the curve is straight, beyond them flat (Zadrozny and Elkan, 2002, on means of rows).
    """

    curves: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    kind: Literal["isotonic"] = "isotonic"

    @property
    def class_count(self) -> int:
        """Return the number of classes."""
        return len(self.curves)

    def apply(self, logits: Logits) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) that sum to 1 in each row."""
        columns = zip(_softmax(logits).T, self.curves, strict=True)
        return _shares([np.interp(p, *curve) for p, curve in columns])


def _kind_of(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("kind", "temperature"))
    return str(getattr(value, "kind", ""))


Calibration = Annotated[
    Annotated[Uncalibrated, Tag("none")]
    | Annotated[Temperature, Tag("temperature")]
    | Annotated[Platt, Tag("platt")]
    | Annotated[Beta, Tag("beta")]
    | Annotated[Isotonic, Tag("isotonic")],
    Discriminator(_kind_of),
]

Fitter = Callable[[Logits, Labels, float], Calibration]
"""Takes logits (rows, classes), labels as class indices, and how many rows are independent."""


def fit_none(logits: Logits, labels: Labels, independent_rows: float) -> Uncalibrated:  # noqa: ARG001
    """Leave the booster as it is."""
    return Uncalibrated(logits.shape[1])


def fit_temperature(logits: Logits, labels: Labels, independent_rows: float) -> Temperature:
    """Find the slope of greatest posterior probability.

    The mean log-loss weighs as much as `independent_rows` outcomes against the prior, slope 1 give
    or take 0.5. A slope under 0 would turn the booster's order round, so 0 (always the base rate)
    is the least.
    """
    center = logits.mean(axis=0)
    apart = logits - center
    outcome = _one_hot(labels, logits.shape[1])

    def rise(slope: float) -> float:
        error = _softmax(center + slope * apart) - outcome
        likelihood = independent_rows * float((error * apart).sum(axis=1).mean())
        return likelihood + (slope - 1.0) / SLOPE_PRIOR_SD**2

    return Temperature(tuple(float(logit) for logit in center), _lowest_point(rise))


def fit_platt(logits: Logits, labels: Labels, independent_rows: float) -> Platt:
    """Find slopes (1 give or take 0.5) and shifts (0 give or take 0.1) of the classes.

    The shifts' prior is narrow: which way the market happened to go in one period says little of
    the next.
    """
    count = logits.shape[1]
    outcome = _one_hot(labels, count)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        chances = _softmax(values[:count] * logits + values[count:])
        error = chances - outcome
        rise = np.concatenate([(error * logits).mean(axis=0), error.mean(axis=0)])
        return float(-np.log(np.maximum(chances[outcome > 0], _TINY)).mean()), rise

    start = np.repeat([1.0, 0.0], count)
    spread = np.repeat([SLOPE_PRIOR_SD, SHIFT_PRIOR_SD], count)
    best = _most_probable(loss, (start, spread), independent_rows)
    return Platt(_floats(best[:count]), _floats(best[count:]))


def fit_beta(logits: Logits, labels: Labels, independent_rows: float) -> Beta:
    """Find each class's curve against all others, by the priors of `fit_platt`."""
    outcome = _one_hot(labels, logits.shape[1])
    columns = zip(_softmax(logits).T, outcome.T, strict=True)
    return Beta(tuple(_fit_beta_curve(p, hit, independent_rows) for p, hit in columns))


def fit_isotonic(logits: Logits, labels: Labels, independent_rows: float) -> Isotonic:
    """Find each class's rising curve through means of rows of like probability.

    A point stands for at least 30 independent rows, and one more speaks for the booster's own
    probability: a class that the part never showed does not become impossible. There are at most
    40 points.
    """
    outcome = _one_hot(labels, logits.shape[1])
    columns = zip(_softmax(logits).T, outcome.T, strict=True)
    return Isotonic(tuple(_fit_isotonic_curve(p, hit, independent_rows) for p, hit in columns))


def _fit_beta_curve(
    chance: NDArray[np.float64], hit: NDArray[np.float64], independent_rows: float
) -> tuple[float, float, float]:
    terms = _beta_terms(chance)

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        score = terms @ values
        error = _sigmoid(score) - hit
        return float((np.logaddexp(0, score) - hit * score).mean()), error @ terms / len(hit)

    prior = np.array([1.0, 1.0, 0.0]), np.array([SLOPE_PRIOR_SD, SLOPE_PRIOR_SD, SHIFT_PRIOR_SD])
    a, b, c = _floats(_most_probable(loss, prior, independent_rows))
    return a, b, c


def _fit_isotonic_curve(
    chance: NDArray[np.float64], hit: NDArray[np.float64], independent_rows: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    steps = int(np.clip(independent_rows / ROWS_PER_STEP, 1, min(MAX_STEPS, len(hit))))
    groups = np.array_split(np.argsort(chance, kind="stable"), steps)
    before = [float(chance[rows].mean()) for rows in groups]
    each = max(1.0, independent_rows / steps)
    after = [
        (float(hit[rows].mean()) * each + said) / (each + 1)
        for rows, said in zip(groups, before, strict=True)
    ]
    return tuple(before), _floats(isotonic_regression(np.asarray(after)))


def _most_probable(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    prior: tuple[NDArray[np.float64], NDArray[np.float64]],
    independent_rows: float,
) -> NDArray[np.float64]:
    """Return the parameters of greatest posterior probability; slopes (prior mean 1) stay >= 0.

    `prior` holds means and standard deviations; `loss` returns a mean log-loss and its gradient.
    """
    mean, spread = prior

    def surprise(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, rise = loss(values)
        pull = (values - mean) / spread
        total = independent_rows * value + float((pull**2).sum()) / 2
        return total, independent_rows * rise + pull / spread

    bounds = [(0.0, MAX_SLOPE) if slope else (None, None) for slope in mean == 1.0]
    found = optimize.minimize(surprise, mean, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, dtype=np.float64)


def _lowest_point(rise: Callable[[float], float]) -> float:
    """Return where a convex function of the slope is least, from its derivative `rise`."""
    if rise(0.0) >= 0:
        return 0.0
    low, high = 0.0, MAX_SLOPE
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(middle) < 0 else (low, middle)
    return (low + high) / 2


def _beta_terms(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    inside = np.clip(chance, _TINY, 1 - _TINY)
    return np.column_stack([np.log(inside), -np.log1p(-inside), np.ones_like(inside)])


def _one_hot(labels: Labels, count: int) -> NDArray[np.float64]:
    return np.eye(count)[labels.astype(np.int64)]


def _shares(columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    chances = np.maximum(np.column_stack(columns), _TINY)
    return np.asarray(chances / chances.sum(axis=1, keepdims=True), dtype=np.float64)


def _softmax(logits: Logits) -> NDArray[np.float64]:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float64)


def _sigmoid(score: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0, -score)), dtype=np.float64)


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
