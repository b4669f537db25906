"""A model's validation in lines for people: each figure beside what needs no model."""

from dataclasses import dataclass

from signal_server.training.bootstrap import Estimate, Interval
from signal_server.training.confidence import ConfidenceBin
from signal_server.training.profit import SELECTIONS, Selection, say_costs
from signal_server.training.validation import RivalResult, Validation
from signal_server.training.verdict import MIN_ACCURACY, MIN_CONFIDENCE, MIN_TRADES


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One figure: what it is, its value, and what to hold against it (may be empty)."""

    what: str
    value: str
    beside: str


def describe(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return the lines of a table: rows, accuracy, baselines, probabilities, confidence, money.

    The verdict's sentence is not among them; it is `validation.sentence`.
    """
    return (
        SummaryLine(
            "test rows",
            f"{validation.rows:,}",
            f"they overlap: about {validation.independent_rows:,} independent",
        ),
        *_accuracy_lines(validation),
        *(describe_symbols(validation) if len(validation.by_symbol) > 1 else ()),
        *(_rival_line(rival) for rival in validation.rivals),
        _significance_line(validation),
        *_probability_lines(validation),
        *_ranking_lines(validation),
        *(_bin_line(found) for found in validation.confidence_bins),
        *_confident_lines(validation),
        *(line for found in validation.selections for line in _money_lines(found, validation)),
        *_tried_lines(validation),
    )


def describe_periods(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return a line for each stretch of time: its accuracy, and its own majority."""
    return tuple(
        SummaryLine(
            f"{period.start:%Y-%m-%d} to {period.end:%Y-%m-%d}",
            f"{period.accuracy.value:.2%} ({_percents(period.accuracy.interval)})",
            f"majority class {period.majority_rate:.2%}; {period.rows:,} rows",
        )
        for period in validation.over_time
    )


def describe_symbols(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return a line for each symbol: its accuracy, and its own majority and base rate."""
    return tuple(
        SummaryLine(
            found.symbol,
            f"{found.accuracy.value:.2%} ({_percents(found.accuracy.interval)})",
            f"majority class {found.majority_rate:.2%}; log-loss {found.log_loss:.5f}, gain "
            f"{_signed(found.log_loss_gain, 5)}; {found.rows:,} rows",
        )
        for found in validation.by_symbol
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


def _rival_line(rival: RivalResult) -> SummaryLine:
    gain = rival.accuracy_gain
    value = f"{gain.value:+.2%} ({gain.interval.low:+.2%} to {gain.interval.high:+.2%})"
    beside = f"it gets {rival.accuracy:.2%}"
    if rival.log_loss is not None and rival.log_loss_gain is not None:
        beside += f", log-loss {rival.log_loss:.5f}, gain {_signed(rival.log_loss_gain, 5)}"
    return SummaryLine(f"accuracy gained on {rival.name}", value, beside)


def _significance_line(validation: Validation) -> SummaryLine:
    found = validation.significance
    return SummaryLine(
        "labels shuffled in blocks do as well",
        f"p {found.accuracy_p:.3f} accuracy, p {found.log_loss_p:.3f} log-loss",
        f"{found.shuffles:,} shuffles of {found.blocks:,} blocks",
    )


def say_noise(noise: float | None) -> str:
    """Return what the calibration error is to be held against."""
    return "perfect 0%" if noise is None else f"perfect {noise:.2%}, by chance alone"


def _probability_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    gain = validation.log_loss_gain_interval
    tried = ", ".join(f"{one.kind} {one.log_loss:.5f}" for one in validation.candidates)
    chosen = [SummaryLine("calibration", validation.calibration, tried)]
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
        SummaryLine(
            "calibration error",
            f"{validation.calibration_error:.2%}",
            say_noise(validation.calibration_noise),
        ),
        *(chosen if validation.calibration else []),
        SummaryLine(
            f"most confident tenth, from {validation.top_tenth.low:.1%}",
            f"{validation.top_tenth.accuracy:.2%} ({_percents(validation.top_tenth.interval)})",
            _counts(validation.top_tenth),
        ),
    )


def _ranking_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    lines = []
    if validation.auc is not None:
        lines.append(SummaryLine("AUC, up against down", _plain(validation.auc, 4), "chance 0.5"))
    if validation.confidence_rank is not None:
        lines.append(
            SummaryLine(
                "Spearman of confidence and right",
                _signed(validation.confidence_rank, 4),
                "chance 0",
            )
        )
    return tuple(lines)


def _bin_line(found: ConfidenceBin) -> SummaryLine:
    return SummaryLine(
        f"confidence {found.low:.0%} to {found.high:.0%}",
        f"{found.accuracy:.2%} ({_percents(found.interval)})",
        _counts(found),
    )


def _confident_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    what = f"up or down at {MIN_CONFIDENCE:.2f} and above"
    asked = f"asked for: over {MIN_ACCURACY:.0%} in {MIN_TRADES} trades"
    if validation.confident is None:
        return (SummaryLine(what, "no call", asked),)
    accuracy, trades = validation.confident.accuracy, validation.confident.trades
    value = f"{accuracy.value:.2%} ({_percents(accuracy.interval)}), {trades:,} trades"
    return (SummaryLine(what, value, asked),)


def _money_lines(found: Selection, validation: Validation) -> tuple[SummaryLine, ...]:
    which = "up or down" if found.top_share is None else f"top {found.top_share:.0%},"
    name = f"{which} from {found.min_confidence:.3f}"
    lines = []
    if found.move_bps is not None:
        lines.append(
            SummaryLine(
                f"{name}: move the called way",
                f"{_signed(found.move_bps, 1)} bps",
                f"{found.rows:,} rows, {found.accuracy:.2%} right",
            )
        )
    if found.net_bps is not None:
        lines.append(
            SummaryLine(
                f"{name}: a buy {say_costs(found, validation.costs_bps)}",
                f"{_signed(found.net_bps, 1)} bps",
                f"{found.buys:,} buys, {found.trades:,} one after another",
            )
        )
    if found.sharpe is not None:
        sharpe = found.sharpe
        lines.append(
            SummaryLine(
                f"{name}: Sharpe ratio a {sharpe.period_s // 86_400} d period",
                f"{sharpe.ratio:+.3f}, above 0 with {sharpe.probabilistic:.1%}",
                f"above the best of {sharpe.trials} trials, {sharpe.benchmark:.3f}, with "
                f"{sharpe.deflated:.1%}",
            )
        )
    return tuple(lines)


def _tried_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    tried = validation.tried
    if tried is None:
        return ()
    times = f"each {SELECTIONS} selections" if validation.selections else ""
    return (SummaryLine("models tried", f"{tried.total:,}", f"{tried}; {times}".rstrip("; ")),)


def _counts(found: ConfidenceBin) -> str:
    return (
        f"said {found.mean_confidence:.2%}; {found.rows:,} rows, "
        f"about {found.independent_rows:,} independent"
    )


def _percents(interval: Interval) -> str:
    return f"{interval.low:.2%} to {interval.high:.2%}"


def _plain(found: Estimate, places: int) -> str:
    low, high = found.interval.low, found.interval.high
    return f"{found.value:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def _signed(found: Estimate, places: int) -> str:
    low, high = found.interval.low, found.interval.high
    return f"{found.value:+.{places}f} ({low:+.{places}f} to {high:+.{places}f})"
