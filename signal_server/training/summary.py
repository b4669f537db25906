"""A model's validation in lines for people: each figure beside what needs no model."""

from dataclasses import dataclass

from signal_server.training.bootstrap import Interval
from signal_server.training.validation import ConfidenceBin, Validation


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One figure: what it is, its value, and what to hold against it (may be empty)."""

    what: str
    value: str
    beside: str


def describe(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return the lines of a table: rows, accuracy, probabilities, then the confidence bins.

    The verdict's sentence is not among them; it is `validation.sentence`.
    """
    return (
        SummaryLine(
            "test rows",
            f"{validation.rows:,}",
            f"they overlap: about {validation.independent_rows:,} independent",
        ),
        *_accuracy_lines(validation),
        *_probability_lines(validation),
        *(_bin_line(found) for found in validation.confidence_bins),
    )


def _accuracy_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    shares = ", ".join(
        f"{share.direction.value} {share.actual:.1%} (said {share.predicted:.1%})"
        for share in validation.class_shares
    )
    direction = validation.direction
    lines = [
        SummaryLine(
            "accuracy",
            f"{validation.accuracy:.2%} ({_percents(validation.accuracy_interval)})",
            f"majority class {validation.majority_rate:.2%}",
        )
    ]
    if direction is not None and direction.rows < validation.rows:
        lines.append(
            SummaryLine(
                f"up or down, {direction.rows:,} rows that moved",
                f"{direction.value:.2%} ({_percents(direction.interval)})",
                f"majority class {direction.majority_rate:.2%}",
            )
        )
    lines.append(SummaryLine("class shares", shares, ""))
    return tuple(lines)


def _probability_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    gain = validation.log_loss_gain_interval
    return (
        SummaryLine(
            "log-loss",
            f"{validation.log_loss:.5f}",
            f"chance {validation.chance_log_loss:.5f}, "
            f"base rate {validation.base_rate_log_loss:.5f}",
        ),
        SummaryLine(
            "log-loss gain",
            f"{validation.log_loss_gain:+.5f} ({gain.low:+.5f} to {gain.high:+.5f})",
            "base rate 0",
        ),
        SummaryLine(
            "Brier score", f"{validation.brier:.4f}", f"base rate {validation.base_rate_brier:.4f}"
        ),
        SummaryLine("calibration error", f"{validation.calibration_error:.2%}", "perfect 0%"),
        SummaryLine(
            f"most confident tenth, from {validation.top_tenth.low:.1%}",
            f"{validation.top_tenth.accuracy:.2%}",
            _counts(validation.top_tenth),
        ),
    )


def _bin_line(found: ConfidenceBin) -> SummaryLine:
    return SummaryLine(
        f"confidence {found.low:.0%} to {found.high:.0%}",
        f"{found.accuracy:.2%}",
        _counts(found),
    )


def _counts(found: ConfidenceBin) -> str:
    return (
        f"said {found.mean_confidence:.2%}; {found.rows:,} rows, "
        f"about {found.independent_rows:,} independent"
    )


def _percents(interval: Interval) -> str:
    return f"{interval.low:.2%} to {interval.high:.2%}"
