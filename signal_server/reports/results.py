"""What a page says of a validation, whether of one test part or of a walk forward."""

from collections.abc import Sequence

from signal_server.reports import pictures
from signal_server.reports.page import Section
from signal_server.training.summary import (
    SummaryLine,
    describe,
    describe_periods,
    describe_symbols,
    say_noise,
)
from signal_server.training.validation import Validation
from signal_server.training.verdict import MIN_CONFIDENCE


def bare_sentence(validation: Validation) -> str:
    """Return the verdict's sentence without the verdict itself."""
    text = validation.sentence.removeprefix(f"{validation.verdict.value}: ")
    return text[:1].upper() + text[1:]


def tiles(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return the figures to see first."""
    confident, gain = validation.confident, validation.log_loss_gain
    surest = validation.top_tenth
    return (
        SummaryLine(
            "right in all", f"{validation.accuracy:.1%}", f"majority {validation.majority_rate:.1%}"
        ),
        SummaryLine(
            f"right from confidence {MIN_CONFIDENCE:.0%}",
            "no call" if confident is None else f"{confident.accuracy.value:.1%}",
            "" if confident is None else f"{confident.trades:,} trades",
        ),
        SummaryLine(
            "most confident tenth", f"{surest.accuracy:.1%}", f"said {surest.mean_confidence:.1%}"
        ),
        SummaryLine(
            "calibration error",
            f"{validation.calibration_error:.2%}",
            say_noise(validation.calibration_noise),
        ),
        _money_tile(validation),
        SummaryLine(
            "chance of luck",
            _p_value(validation.significance.log_loss_p),
            f"log-loss gain {gain:+.5f}",
        ),
    )


def sections(validation: Validation) -> tuple[Sequence[Section], ...]:
    """Return the pictures of the results, each with the question that it answers."""
    costs = validation.costs_bps
    against = f" against the {costs:.0f} bps that a round trip costs" if costs else ""
    confidence = Section(
        "Is it right more often when it is surer?",
        "Each bar is a bin of confidence, its whisker the 95% interval. Dark bars may trade.",
        pictures.accuracy_by_confidence(validation),
    )
    probability = Section(
        "Does confidence mean probability?",
        "On the dashed line what was said came true as often as said. The points miss it by "
        f"{validation.calibration_error:.1%} on average.",
        pictures.reliability(validation),
    )
    worth = Section(
        "What is a call worth in money?",
        f"How far the price went the called way{against}, and what a buy returned after them.",
        pictures.money(validation) if validation.selections else "",
    )
    rivals = Section(
        "Does it beat what needs no model?",
        "What the model gains on simple forecasts of the same rows; an interval above 0 is a gain.",
        lines=rival_lines(validation),
    )
    return (confidence, worth), (probability, rivals), *_details(validation)


def _details(validation: Validation) -> tuple[Sequence[Section], ...]:
    over_time = Section(
        "Does it hold over time?",
        "Whiskers that cross the grey marks do not tell the model from always saying one class.",
        pictures.accuracy_over_time(validation.over_time, validation.accuracy),
        describe_periods(validation),
        folded=True,
    )
    coins = Section(
        "Does it hold for every coin?",
        "An interval that crosses the grey mark does not tell the model from the coin's majority.",
        pictures.by_symbol(validation.by_symbol) if validation.by_symbol else "",
        describe_symbols(validation),
        folded=True,
    )
    figures = Section("All figures", "As printed in the terminal.", "", describe(validation), True)
    return (over_time,), (coins, figures)


def rival_lines(validation: Validation) -> tuple[SummaryLine, ...]:
    """Return what the table of baselines says."""
    starts = ("accuracy gained on", "labels shuffled", "log-loss gain", "AUC", "Spearman")
    return tuple(line for line in describe(validation) if line.what.startswith(starts))


def _money_tile(validation: Validation) -> SummaryLine:
    worth = [one for one in validation.selections if one.net_bps is not None]
    if not worth:
        return SummaryLine("a buy after costs", "-", "no buy")
    surest = worth[-1]
    net = surest.net_bps
    value = "-" if net is None else f"{net.value:+.0f} bps"
    return SummaryLine(
        "a buy after costs",
        value,
        f"from confidence {surest.min_confidence:.0%}, {surest.buys:,} buys",
    )


def _p_value(value: float) -> str:
    return f"{value:.1%}" if value >= 0.0015 else "< 0.2%"
