"""What a test part lets one say, in one plain sentence."""

from dataclasses import dataclass
from enum import StrEnum

from signal_server.training.bootstrap import Interval

MIN_INDEPENDENT_ROWS = 30


class Verdict(StrEnum):
    """Kinds of outcome; the value opens the sentence."""

    TOO_FEW = "Undecided, too few independent horizons"
    NO_EDGE = "No edge"
    PROBABILITIES = "No edge in direction, though the probabilities tell more than the base rate"
    EDGE = "Edge before costs"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Share of right answers among `rows`, its 95% interval, and what a constant would get.

    `majority_rate` is the share of the rows' own commonest class, chosen with hindsight.
    """

    rows: int
    independent_rows: int
    value: float
    interval: Interval
    majority_rate: float

    @property
    def beats_majority(self) -> bool:
        """Return whether the whole interval lies above the majority rate."""
        return self.interval.low > self.majority_rate


def judge(overall: Accuracy, direction: Accuracy | None, log_loss_gain: Interval) -> Verdict:
    """Return the verdict.

    An edge needs both accuracies above their majority rates: a model of three classes can beat
    the majority by knowing when the price moves and nothing of where. `direction` is None when
    no test row moved.
    """
    if overall.independent_rows < MIN_INDEPENDENT_ROWS:
        return Verdict.TOO_FEW
    if overall.beats_majority and direction is not None and direction.beats_majority:
        return Verdict.EDGE
    return Verdict.PROBABILITIES if log_loss_gain.low > 0 else Verdict.NO_EDGE


def sentence(verdict: Verdict, overall: Accuracy, direction: Accuracy | None) -> str:
    """Say the verdict and the figures it rests on.

    `direction` is said too where it differs from `overall`: where there are rows without a move.
    """
    text = f"{verdict.value}: {_compare('accuracy', overall)}"
    if direction is not None and direction.rows < overall.rows:
        text += f"; {_compare('up or down, of the rows that moved,', direction)}"
    return f"{text}."


def _compare(what: str, accuracy: Accuracy) -> str:
    low, high = accuracy.interval.low, accuracy.interval.high
    return (
        f"{what} {accuracy.value:.1%}, whose interval {low:.1%} to {high:.1%} "
        f"{_relation(accuracy)} the majority rate {accuracy.majority_rate:.1%}"
    )


def _relation(accuracy: Accuracy) -> str:
    if accuracy.interval.contains(accuracy.majority_rate):
        return "contains"
    return "lies above" if accuracy.beats_majority else "lies below"
