"""How good a model is on rows it has never seen, beside what needs no model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signal_server.core.domain import Direction
from signal_server.training.bootstrap import (
    Estimate,
    Interval,
    Resampling,
    independent_rows,
    time_blocks,
)
from signal_server.training.by_symbol import SymbolResult, results_by_symbol
from signal_server.training.calibration_choice import Candidate
from signal_server.training.confidence import ConfidenceBin, confidence_bins, top_tenth
from signal_server.training.evaluation import Evaluation, Rival
from signal_server.training.metrics import (
    auc_terms,
    brier_scores,
    calibration_error,
    calibration_noise,
    log_losses,
    rank_correlation_terms,
)
from signal_server.training.periods import Period, accuracy_over_time
from signal_server.training.profit import Selection, say_worth, selections
from signal_server.training.significance import Significance, significance
from signal_server.training.tries import Tried
from signal_server.training.verdict import (
    MIN_CONFIDENCE,
    Accuracy,
    ConfidentCalls,
    Finding,
    Verdict,
    find,
    judge,
    sentence,
)


@dataclass(frozen=True, slots=True)
class ClassShare:
    """Share of one class among the test rows and among the predictions for them."""

    direction: Direction
    actual: float
    predicted: float


@dataclass(frozen=True, slots=True)
class RivalResult:
    """A baseline on the same rows, and what the model gains on it, in paired rows.

    `log_loss` and its gain, in nats, are None where the baseline has no probabilities.
    """

    name: str
    accuracy: float
    accuracy_gain: Estimate
    log_loss: float | None
    log_loss_gain: Estimate | None


@dataclass(frozen=True, slots=True)
class Validation:
    """Results on the test part, at the training's row stride, so that rows overlap.

    `majority_rate` and the base rate's figures are those of the best constant forecasts for the
    test part, chosen with hindsight: its commonest class, and its own class shares.
    Log-losses are in nats; `chance_log_loss` is that of equal probabilities. The interval of
    `log_loss_gain` (base rate minus model) lies above 0 when the model knows something.
    `direction` is whether the likelier of UP and DOWN was right on the rows that moved so (known
    only with hindsight); it equals the accuracy where there is no FLAT, and is None if none moved.
    `auc` is that of the same choice, 0.5 for chance; `confidence_rank` is Spearman's correlation
    of confidence and being right, 0 for chance; None where there is nothing to rank.
    `confident` are the calls that the verdict rests on. `selections` needs outcomes, `costs_bps`
    is the round trip's share of them. `calibration` is the kind that the model uses, empty where
    several models were joined, and `candidates` are the kinds that it was chosen among. `tried`
    is what Sharpe ratios are deflated by; None in results of an earlier version.
    Intervals are 95%, by a bootstrap over blocks of time.
    """

    rows: int
    independent_rows: int
    class_shares: tuple[ClassShare, ...]
    accuracy: float
    accuracy_interval: Interval
    majority_rate: float
    direction: Accuracy | None
    auc: Estimate | None
    top_tenth: ConfidenceBin
    log_loss: float
    chance_log_loss: float
    base_rate_log_loss: float
    log_loss_gain_interval: Interval
    brier: float
    base_rate_brier: float
    calibration_error: float
    confidence_rank: Estimate | None
    confidence_bins: tuple[ConfidenceBin, ...]
    confident: ConfidentCalls | None
    significance: Significance
    rivals: tuple[RivalResult, ...]
    selections: tuple[Selection, ...]
    costs_bps: float | None
    over_time: tuple[Period, ...]
    calibration: str
    candidates: tuple[Candidate, ...]
    finding: Finding
    verdict: Verdict
    sentence: str
    by_symbol: tuple[SymbolResult, ...] = ()
    tried: Tried | None = None
    calibration_noise: float | None = None

    @property
    def log_loss_gain(self) -> float:
        """Return how far the log-loss lies under that of the base rate, in nats."""
        return self.base_rate_log_loss - self.log_loss


def validate(evaluation: Evaluation) -> Validation:
    """Measure calibrated probabilities against what happened. `evaluation` holds >= 1 row."""
    scores = _Scores.of(evaluation)
    every = np.ones(len(evaluation.labels), dtype=np.bool_)
    overall = _accuracy(evaluation, scores.correct, scores.resampling, every)
    direction = _direction(evaluation, scores.resampling)
    confident = _confident(evaluation, scores)
    gain = scores.resampling.mean(scores.base_loss - scores.loss).interval
    shuffled = significance(evaluation)
    choice = evaluation.calibration
    finding = find(overall, direction, gain, shuffled.log_loss_p)
    worth = selections(evaluation, scores.resampling)
    costs_bps = None if evaluation.outcomes is None else evaluation.outcomes.costs_bps
    return Validation(
        rows=len(evaluation.labels),
        independent_rows=overall.independent_rows,
        class_shares=_class_shares(evaluation, scores),
        accuracy=overall.value,
        accuracy_interval=overall.interval,
        majority_rate=overall.majority_rate,
        direction=direction,
        auc=_auc(evaluation, scores.resampling),
        top_tenth=top_tenth(evaluation, scores.correct, scores.resampling),
        **_probability_figures(evaluation, scores),
        log_loss_gain_interval=gain,
        confident=confident,
        significance=shuffled,
        rivals=tuple(_against(rival, evaluation, scores) for rival in evaluation.rivals),
        selections=worth,
        costs_bps=costs_bps,
        over_time=accuracy_over_time(evaluation, scores.correct, scores.resampling),
        calibration="" if choice is None else choice.calibration.kind,
        candidates=() if choice is None else choice.candidates,
        finding=finding,
        verdict=judge(finding, confident),
        sentence=sentence(finding, overall, direction, confident) + say_worth(worth, costs_bps),
        by_symbol=results_by_symbol(evaluation, scores.resampling),
        tried=evaluation.tried,
    )


def _probability_figures(evaluation: Evaluation, scores: "_Scores") -> dict[str, Any]:
    probabilities, labels = evaluation.probabilities, evaluation.labels
    blocks, seed = scores.resampling.blocks, evaluation.seed
    confidence, correct = evaluation.confidence, scores.correct
    return {
        "log_loss": float(scores.loss.mean()),
        "chance_log_loss": float(np.log(len(evaluation.classes))),
        "base_rate_log_loss": float(scores.base_loss.mean()),
        "brier": float(brier_scores(probabilities, labels).mean()),
        "base_rate_brier": float(brier_scores(scores.shares[np.newaxis], labels).mean()),
        "calibration_error": calibration_error(confidence, correct),
        "calibration_noise": calibration_noise(confidence, correct, blocks, seed),
        "confidence_rank": _confidence_rank(evaluation, scores),
        "confidence_bins": confidence_bins(evaluation, scores.correct, scores.resampling),
    }


@dataclass(frozen=True, slots=True)
class _Scores:
    """Row by row: whether it was right, its loss and the base rate's; the classes' shares."""

    correct: NDArray[np.float64]
    loss: NDArray[np.float64]
    base_loss: NDArray[np.float64]
    shares: NDArray[np.float64]
    resampling: Resampling

    @classmethod
    def of(cls, evaluation: Evaluation) -> "_Scores":
        labels = evaluation.labels
        shares = np.bincount(labels, minlength=len(evaluation.classes)) / len(labels)
        blocks = time_blocks(evaluation.time, evaluation.horizon_s)
        return cls(
            correct=(evaluation.predicted == labels).astype(np.float64),
            loss=log_losses(evaluation.probabilities, labels),
            base_loss=-np.log(shares[labels.astype(np.int64)]),
            shares=shares,
            resampling=Resampling.of(blocks, evaluation.seed),
        )


def _accuracy(
    evaluation: Evaluation,
    correct: NDArray[np.float64],
    resampling: Resampling,
    inside: NDArray[np.bool_],
) -> Accuracy:
    """Measure `correct` on the rows `inside`, of which there is at least one."""
    measured = resampling.share(correct, inside)
    labels = evaluation.labels[inside]
    return Accuracy(
        rows=len(labels),
        independent_rows=independent_rows(evaluation.time[inside], evaluation.horizon_s),
        value=measured.value,
        interval=measured.interval,
        majority_rate=float(np.bincount(labels).max() / len(labels)),
    )


def _direction(evaluation: Evaluation, resampling: Resampling) -> Accuracy | None:
    moved, lean = _moved(evaluation), _lean(evaluation)
    if not moved.any():
        return None
    went_up = evaluation.labels == evaluation.classes.index(Direction.UP)
    correct = ((lean > 0) == went_up).astype(np.float64)
    return _accuracy(evaluation, correct, resampling, moved)


def _auc(evaluation: Evaluation, resampling: Resampling) -> Estimate | None:
    moved = _moved(evaluation)
    went_up = evaluation.labels == evaluation.classes.index(Direction.UP)
    terms = auc_terms(_lean(evaluation)[moved], went_up[moved])
    if terms is None:
        return None
    spread = np.zeros(len(moved))
    spread[moved] = terms
    return resampling.mean(spread, moved)


def _moved(evaluation: Evaluation) -> NDArray[np.bool_]:
    sides = [evaluation.classes.index(side) for side in (Direction.DOWN, Direction.UP)]
    return np.isin(evaluation.labels, sides)


def _lean(evaluation: Evaluation) -> NDArray[np.float64]:
    """Return by how much UP is likelier than DOWN, as log odds of the two."""
    down, up = (evaluation.classes.index(side) for side in (Direction.DOWN, Direction.UP))
    chances = np.maximum(evaluation.probabilities, np.finfo(np.float64).tiny)
    return np.asarray(np.log(chances[:, up] / chances[:, down]), dtype=np.float64)


def _confident(evaluation: Evaluation, scores: _Scores) -> ConfidentCalls | None:
    inside = (evaluation.confidence >= MIN_CONFIDENCE) & (evaluation.sides != 0)
    if not inside.any():
        return None
    accuracy = _accuracy(evaluation, scores.correct, scores.resampling, inside)
    return ConfidentCalls(accuracy, len(evaluation.trades(inside)))


def _confidence_rank(evaluation: Evaluation, scores: _Scores) -> Estimate | None:
    terms = rank_correlation_terms(evaluation.confidence, scores.correct > 0)
    return None if terms is None else scores.resampling.mean(terms)


def _against(rival: Rival, evaluation: Evaluation, scores: _Scores) -> RivalResult:
    correct = (rival.predicted == evaluation.labels).astype(np.float64)
    loss = None
    if rival.probabilities is not None:
        loss = log_losses(rival.probabilities, evaluation.labels)
    return RivalResult(
        name=rival.name,
        accuracy=float(correct.mean()),
        accuracy_gain=scores.resampling.mean(scores.correct - correct),
        log_loss=None if loss is None else float(loss.mean()),
        log_loss_gain=None if loss is None else scores.resampling.mean(loss - scores.loss),
    )


def _class_shares(evaluation: Evaluation, scores: _Scores) -> tuple[ClassShare, ...]:
    said = np.bincount(evaluation.predicted, minlength=len(scores.shares)) / len(scores.loss)
    shares = zip(evaluation.classes, scores.shares, said, strict=True)
    return tuple(ClassShare(name, float(actual), float(found)) for name, actual, found in shares)
