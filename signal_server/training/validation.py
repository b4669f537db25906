"""How good a model is on rows it has never seen, beside what needs no model."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.domain import Direction
from signal_server.training.bootstrap import (
    Interval,
    independent_rows,
    mean_interval,
    time_blocks,
)
from signal_server.training.verdict import Accuracy, Verdict, judge, sentence

CONFIDENCE_EDGES = (
    0.0, 0.40, 0.45, 0.50, 0.52, 0.54, 0.56, 0.58, 0.60, 0.65, 0.70, 0.80, 1.0,
)  # fmt: skip
ECE_BINS = 10
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class ClassShare:
    """Share of one class among the test rows and among the predictions for them."""

    direction: Direction
    actual: float
    predicted: float


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


@dataclass(frozen=True, slots=True)
class Validation:
    """Results on the test part, at the training's row stride, so that rows overlap.

    `majority_rate` and the base rate's figures are those of the best constant forecasts for the
    test part, chosen with hindsight: its commonest class, and its own class shares.
    Log-losses are in nats; `chance_log_loss` is that of equal probabilities. The interval of
    `log_loss_gain` (base rate minus model) lies above 0 when the model knows something.
    `direction` is whether the likelier of UP and DOWN was right on the rows that moved so (known
    only with hindsight); it equals the accuracy where there is no FLAT, and is None if none moved.
    Intervals are 95%, by a bootstrap over blocks of time.
    """

    rows: int
    independent_rows: int
    class_shares: tuple[ClassShare, ...]
    accuracy: float
    accuracy_interval: Interval
    majority_rate: float
    direction: Accuracy | None
    top_tenth: ConfidenceBin
    log_loss: float
    chance_log_loss: float
    base_rate_log_loss: float
    log_loss_gain_interval: Interval
    brier: float
    base_rate_brier: float
    calibration_error: float
    confidence_bins: tuple[ConfidenceBin, ...]
    verdict: Verdict
    sentence: str

    @property
    def log_loss_gain(self) -> float:
        """Return how far the log-loss lies under that of the base rate, in nats."""
        return self.base_rate_log_loss - self.log_loss


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is validated: probabilities (rows, classes), labels as class indices, bar closes."""

    classes: tuple[Direction, ...]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int8]
    time: pd.DatetimeIndex
    horizon_s: int
    seed: int


def validate(evaluation: Evaluation) -> Validation:
    """Measure calibrated probabilities against what happened. `evaluation` holds >= 1 row."""
    scores = _Scores.of(evaluation)
    every = np.ones(len(evaluation.labels), dtype=np.bool_)
    overall = _accuracy(evaluation, scores.correct, every)
    direction = _direction(evaluation)
    blocks = time_blocks(evaluation.time, evaluation.horizon_s)
    gain = mean_interval(scores.base_loss - scores.loss, blocks, evaluation.seed)
    verdict = judge(overall, direction, gain)
    return Validation(
        rows=len(evaluation.labels),
        independent_rows=overall.independent_rows,
        class_shares=_class_shares(evaluation.classes, scores),
        accuracy=overall.value,
        accuracy_interval=overall.interval,
        majority_rate=overall.majority_rate,
        direction=direction,
        top_tenth=_top_tenth(evaluation, scores),
        log_loss=float(scores.loss.mean()),
        chance_log_loss=float(np.log(len(evaluation.classes))),
        base_rate_log_loss=float(scores.base_loss.mean()),
        log_loss_gain_interval=gain,
        brier=_brier(evaluation.probabilities, evaluation.labels),
        base_rate_brier=_brier(scores.actual_shares[np.newaxis], evaluation.labels),
        calibration_error=_calibration_error(scores),
        confidence_bins=_confidence_bins(evaluation, scores),
        verdict=verdict,
        sentence=sentence(verdict, overall, direction),
    )


@dataclass(frozen=True, slots=True)
class _Scores:
    """Row by row: confidence, whether it was right, its loss and the base rate's."""

    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]
    loss: NDArray[np.float64]
    base_loss: NDArray[np.float64]
    actual_shares: NDArray[np.float64]
    predicted_shares: NDArray[np.float64]

    @classmethod
    def of(cls, evaluation: Evaluation) -> "_Scores":
        labels = evaluation.labels.astype(np.int64)
        predicted = evaluation.probabilities.argmax(axis=1)
        chosen = evaluation.probabilities[np.arange(len(labels)), labels]
        count = len(evaluation.classes)
        shares = np.bincount(labels, minlength=count) / len(labels)
        return cls(
            confidence=evaluation.probabilities.max(axis=1),
            correct=(predicted == labels).astype(np.float64),
            loss=-np.log(np.maximum(chosen, _TINY)),
            base_loss=-np.log(shares[labels]),
            actual_shares=shares,
            predicted_shares=np.bincount(predicted, minlength=count) / len(labels),
        )


def _accuracy(
    evaluation: Evaluation, correct: NDArray[np.float64], inside: NDArray[np.bool_]
) -> Accuracy:
    """Measure `correct` on the rows `inside`, of which there is at least one."""
    time, labels = evaluation.time[inside], evaluation.labels[inside]
    blocks = time_blocks(time, evaluation.horizon_s)
    return Accuracy(
        rows=len(labels),
        independent_rows=independent_rows(time, evaluation.horizon_s),
        value=float(correct[inside].mean()),
        interval=mean_interval(correct[inside], blocks, evaluation.seed),
        majority_rate=float(np.bincount(labels).max() / len(labels)),
    )


def _direction(evaluation: Evaluation) -> Accuracy | None:
    down, up = (evaluation.classes.index(side) for side in (Direction.DOWN, Direction.UP))
    moved = (evaluation.labels == up) | (evaluation.labels == down)
    if not moved.any():
        return None
    likelier_up = evaluation.probabilities[:, up] > evaluation.probabilities[:, down]
    correct = np.where(likelier_up, up, down) == evaluation.labels
    return _accuracy(evaluation, correct.astype(np.float64), moved)


def _class_shares(classes: tuple[Direction, ...], scores: _Scores) -> tuple[ClassShare, ...]:
    shares = zip(classes, scores.actual_shares, scores.predicted_shares, strict=True)
    return tuple(ClassShare(name, float(actual), float(said)) for name, actual, said in shares)


def _confidence_bins(evaluation: Evaluation, scores: _Scores) -> tuple[ConfidenceBin, ...]:
    bins = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        last = high == CONFIDENCE_EDGES[-1]
        inside = (scores.confidence >= low) & ((scores.confidence < high) | last)
        if inside.any():
            bins.append(_bin(evaluation, scores, inside, (low, high)))
    return tuple(bins)


def _top_tenth(evaluation: Evaluation, scores: _Scores) -> ConfidenceBin:
    """Bin the most confident tenth of the rows, ties at its edge included."""
    edge = float(np.quantile(scores.confidence, 0.9, method="higher"))
    return _bin(evaluation, scores, scores.confidence >= edge, (edge, 1.0))


def _bin(
    evaluation: Evaluation,
    scores: _Scores,
    inside: NDArray[np.bool_],
    edges: tuple[float, float],
) -> ConfidenceBin:
    return ConfidenceBin(
        low=edges[0],
        high=edges[1],
        rows=int(inside.sum()),
        independent_rows=independent_rows(evaluation.time[inside], evaluation.horizon_s),
        mean_confidence=float(scores.confidence[inside].mean()),
        accuracy=float(scores.correct[inside].mean()),
    )


def _brier(probabilities: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Return the mean over rows of the squared error summed over classes."""
    outcome = np.eye(probabilities.shape[1])[labels.astype(np.int64)]
    return float(((probabilities - outcome) ** 2).sum(axis=1).mean())


def _calibration_error(scores: _Scores) -> float:
    """Return the expected calibration error over ten bins of equally many rows."""
    order = np.argsort(scores.confidence, kind="stable")
    gaps = [
        abs(float((scores.confidence[rows] - scores.correct[rows]).sum()))
        for rows in np.array_split(order, ECE_BINS)
    ]
    return sum(gaps) / len(order)
