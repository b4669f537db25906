"""What a test part lets one say: proceed, optimise and retry, or pivot, and on which numbers."""

from dataclasses import dataclass
from enum import StrEnum

from signal_server.training.bootstrap import Interval

MIN_INDEPENDENT_ROWS = 30
MIN_CONFIDENCE = 0.60
MIN_ACCURACY = 0.55
MIN_TRADES = 100
SHUFFLED_P = 0.005


class Verdict(StrEnum):
    """What to do next, in the words of the specification."""

    PROCEED = "PROCEED"
    OPTIMISE = "OPTIMISE AND RETRY"
    PIVOT = "PIVOT"


class Finding(StrEnum):
    """What all test rows together say; the value opens the verdict's reason."""

    TOO_FEW = "undecided, too few independent horizons"
    NO_EDGE = "no edge"
    FAINT = "no edge over the majority, though shuffled labels do worse"
    PROBABILITIES = "no edge in direction, though the probabilities tell more than the base rate"
    EDGE = "edge before costs"


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


@dataclass(frozen=True, slots=True)
class ConfidentCalls:
    """Calls of UP or DOWN at confidence >= 0.60, FLAT being no call to trade.

    `trades` counts those that one position a symbol could take, one after another.
    """

    accuracy: Accuracy
    trades: int

    @property
    def are_enough(self) -> bool:
        """Return whether there are 100 trades, from 30 independent horizons at least."""
        enough = self.accuracy.independent_rows >= MIN_INDEPENDENT_ROWS
        return enough and self.trades >= MIN_TRADES

    @property
    def are_good(self) -> bool:
        """Return whether the whole interval lies above 55% and above the majority rate."""
        return self.accuracy.interval.low > max(MIN_ACCURACY, self.accuracy.majority_rate)


def find(
    overall: Accuracy, direction: Accuracy | None, log_loss_gain: Interval, shuffled_p: float
) -> Finding:
    """Return what all rows say.

    An edge needs both accuracies above their majority rates: a model of three classes can beat
    the majority by knowing when the price moves and nothing of where. `direction` is None when
    no test row moved. `shuffled_p` is the share of shuffled labels with as good a log-loss.
    """
    if overall.independent_rows < MIN_INDEPENDENT_ROWS:
        return Finding.TOO_FEW
    if overall.beats_majority and direction is not None and direction.beats_majority:
        return Finding.EDGE
    if log_loss_gain.low > 0:
        return Finding.PROBABILITIES
    return Finding.FAINT if shuffled_p <= SHUFFLED_P else Finding.NO_EDGE


def judge(finding: Finding, confident: ConfidentCalls | None) -> Verdict:
    """Return the verdict; `confident` is None when no row is confident enough.

    Proceed when the confident calls are enough and good; pivot when nothing tells the model from
    chance; in between, when it knows something but not enough or there are too few rows, optimise.
    """
    if confident is not None and confident.are_enough and confident.are_good:
        return Verdict.PROCEED
    return Verdict.PIVOT if finding is Finding.NO_EDGE else Verdict.OPTIMISE


def sentence(
    finding: Finding,
    overall: Accuracy,
    direction: Accuracy | None,
    confident: ConfidentCalls | None,
) -> str:
    """Say the verdict and the figures it rests on.

    `direction` is said too where it differs from `overall`: where there are rows without a move.
    """
    verdict = judge(finding, confident)
    text = f"{verdict.value}: {finding.value}; {_compare('accuracy', overall)}"
    if direction is not None and direction.rows < overall.rows:
        text += f"; {_compare('up or down, of the rows that moved,', direction)}"
    return f"{text}; {_say_confident(confident)}."


def _say_confident(confident: ConfidentCalls | None) -> str:
    if confident is None:
        return f"no call reaches confidence {MIN_CONFIDENCE:.2f}"
    accuracy = confident.accuracy
    text = (
        f"at confidence {MIN_CONFIDENCE:.2f} and above {accuracy.value:.1%} right "
        f"({_percents(accuracy.interval)}) in {confident.trades:,} trades"
    )
    if not confident.are_enough:
        return f"{text}, too few: {MIN_TRADES} are asked for"
    relation = "lies" if confident.are_good else "does not lie"
    least = max(MIN_ACCURACY, accuracy.majority_rate)
    return f"{text}, whose interval {relation} above {least:.1%}"


def _compare(what: str, accuracy: Accuracy) -> str:
    return (
        f"{what} {accuracy.value:.1%}, whose interval {_percents(accuracy.interval)} "
        f"{_relation(accuracy)} the majority rate {accuracy.majority_rate:.1%}"
    )


def _percents(interval: Interval) -> str:
    return f"{interval.low:.1%} to {interval.high:.1%}"


def _relation(accuracy: Accuracy) -> str:
    if accuracy.interval.contains(accuracy.majority_rate):
        return "contains"
    return "lies above" if accuracy.beats_majority else "lies below"
