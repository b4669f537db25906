"""The pictures of a page: each function takes figures and returns an SVG element."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from signal_server.reports.drawing import (
    BAD,
    GOOD,
    INK,
    MODEL,
    OTHER,
    QUIET,
    new_figure,
    on_axis,
    percent_axis,
    picture,
    time_axis,
    whiskers,
)
from signal_server.training.by_symbol import SymbolResult
from signal_server.training.confidence import ConfidenceBin
from signal_server.training.periods import Period
from signal_server.training.splits import Window
from signal_server.training.validation import Validation
from signal_server.training.verdict import MIN_ACCURACY, MIN_CONFIDENCE
from signal_server.training.walkforward import StepResult

__all__ = [
    "accuracy_by_confidence",
    "accuracy_over_time",
    "by_symbol",
    "drift",
    "importance",
    "money",
    "reliability",
    "steps",
    "windows",
]

MAX_BARS = 15
NOTABLE_DRIFT, LARGE_DRIFT = 0.1, 0.25


@picture("reliability")
def reliability(validation: Validation) -> Figure:
    """Draw what each bin of confidence said against how often it was right."""
    bins = validation.confidence_bins
    said = [one.mean_confidence for one in bins]
    right = [one.accuracy for one in bins]
    figure = new_figure(5.2, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    low, high = _limits(bins)
    above.plot([0, 1], [0, 1], color=OTHER, linewidth=1, linestyle="--", label="as said")
    above.errorbar(
        said, right, yerr=whiskers(right, [one.interval for one in bins]),
        color=MODEL, marker="o", markersize=5, linewidth=1.4, elinewidth=1, label="the model",
    )  # fmt: skip
    above.set(ylabel="was right", xlim=(low, high), ylim=(max(0, low - 0.1), min(1, high + 0.1)))
    above.legend(loc="upper left")
    below.bar(said, [one.rows for one in bins], width=(high - low) / 60, color=OTHER)
    below.set(xlabel="said (mean confidence)", ylabel="rows", yscale="log")
    for axes, sides in ((above, "xy"), (below, "x")):
        for side in sides:
            percent_axis(axes, side)
    return figure


@picture("accuracy-by-confidence")
def accuracy_by_confidence(validation: Validation) -> Figure:
    """Draw how often each bin of confidence was right, beside the majority and what is asked."""
    bins = validation.confidence_bins
    right = [one.accuracy for one in bins]
    places = range(len(bins))
    figure = new_figure(5.2, 4.6)
    axes = figure.subplots()
    axes.bar(
        places, right, width=0.7, color=[_bin_colour(one) for one in bins], alpha=0.85,
        yerr=whiskers(right, [one.interval for one in bins]),
        error_kw={"elinewidth": 1, "ecolor": INK, "capsize": 2},
    )  # fmt: skip
    axes.axhline(
        MIN_ACCURACY, color=GOOD, linewidth=1, linestyle="--",
        label=f"{MIN_ACCURACY:.0%}: asked for from {MIN_CONFIDENCE:.0%} on",
    )  # fmt: skip
    axes.axhline(
        validation.majority_rate, color=QUIET, linewidth=1,
        label=f"{validation.majority_rate:.1%}: majority class",
    )  # fmt: skip
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.12), ncols=2)
    names = [f"{one.low:.0%}-{one.high:.0%}\n{_short(one.rows)}" for one in bins]
    axes.set_xticks(list(places), names, fontsize=8)
    lowest = min(one.interval.low for one in bins)
    axes.set(xlabel="confidence, and rows", ylabel="was right", ylim=(min(0.4, lowest), None))
    axes.grid(visible=False, axis="x")
    percent_axis(axes, "y")
    return figure


@picture("accuracy-over-time")
def accuracy_over_time(periods: Sequence[Period], overall: float) -> Figure:
    """Draw the accuracy of each stretch of time with its interval, beside its own majority."""
    middles = [on_axis(one.start + (one.end - one.start) / 2) for one in periods]
    values = [one.accuracy.value for one in periods]
    intervals = [one.accuracy.interval for one in periods]
    figure = new_figure(10.6, 3.4)
    axes = figure.subplots()
    axes.axhline(overall, color=MODEL, linewidth=1, linestyle=":", label="all rows")
    axes.errorbar(
        middles, values, yerr=whiskers(values, intervals), color=MODEL, marker="o",
        markersize=4, linewidth=1.4, elinewidth=1, label="right, with 95% interval",
    )  # fmt: skip
    axes.plot(
        middles, [one.majority_rate for one in periods], color=OTHER, marker="_",
        markersize=12, linewidth=0, label="its own majority class (known with hindsight)",
    )  # fmt: skip
    time_axis(axes)
    axes.set_ylabel("was right")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=3)
    percent_axis(axes, "y")
    return figure


@picture("by-symbol")
def by_symbol(found: Sequence[SymbolResult]) -> Figure:
    """Draw each symbol's accuracy with its interval, beside its own majority."""
    values = [one.accuracy.value for one in found]
    places = range(len(found))
    figure = new_figure(5.2, 1.2 + 0.3 * len(found))
    axes = figure.subplots()
    axes.errorbar(
        values, places, xerr=whiskers(values, [one.accuracy.interval for one in found]),
        fmt="o", color=MODEL, markersize=5, capsize=3, label="right, with 95% interval",
    )  # fmt: skip
    axes.plot(
        [one.majority_rate for one in found], places, color=QUIET, marker="|", markersize=12,
        linewidth=0, label="its own majority class",
    )  # fmt: skip
    axes.set_yticks(list(places), [one.symbol for one in found])
    axes.invert_yaxis()
    axes.locator_params(axis="x", nbins=5)
    axes.margins(y=0.5 / max(1, len(found)))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    percent_axis(axes, "x")
    return figure


@picture("money")
def money(validation: Validation) -> Figure:
    """Draw what the most confident calls were worth, against what a round trip costs."""
    found = [one for one in validation.selections if one.move_bps or one.net_bps]
    names = [
        f"from {one.min_confidence:.2f}" if one.top_share is None else f"top {one.top_share:.0%}"
        for one in found
    ]
    figure = new_figure(5.2, 4.6)
    axes = figure.subplots()
    for shift, kind, label, colour in (
        (-0.12, "move_bps", "move the called way, before costs", MODEL),
        (0.12, "net_bps", "a buy, after costs", INK),
    ):
        shown = [(p, getattr(one, kind)) for p, one in enumerate(found) if getattr(one, kind)]
        if shown:
            values = [one.value for _, one in shown]
            axes.errorbar(
                [place + shift for place, _ in shown], values,
                yerr=whiskers(values, [one.interval for _, one in shown]),
                fmt="o", markersize=5, capsize=3, color=colour, label=label,
            )  # fmt: skip
    axes.axhline(0, color=QUIET, linewidth=1)
    if validation.costs_bps:
        axes.axhline(
            validation.costs_bps, color=BAD, linewidth=1, linestyle="--",
            label=f"costs of a round trip, {validation.costs_bps:.0f} bps",
        )  # fmt: skip
    axes.set_xticks(range(len(found)), names)
    axes.set(xlabel="calls, by confidence", ylabel="basis points", xlim=(-0.6, len(found) - 0.4))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 1.25))
    axes.grid(visible=False, axis="x")
    return figure


@picture("importance")
def importance(gain_shares: Mapping[str, float], shap_means: Mapping[str, float]) -> Figure:
    """Draw the features that moved the forecasts most, and their share of the splits' gain."""
    order = list(shap_means or gain_shares)[:MAX_BARS][::-1]
    figure = new_figure(10.6, 0.6 + 0.27 * len(order))
    left, right = figure.subplots(1, 2, sharey=True)
    left.barh(order, [shap_means.get(name, 0.0) for name in order], color=MODEL)
    left.set_xlabel("mean |SHAP|: how far it moves a forecast, in logits")
    right.barh(order, [gain_shares.get(name, 0.0) for name in order], color=OTHER)
    right.set_xlabel("share of what all splits gained")
    percent_axis(right, "x")
    for axes in (left, right):
        axes.grid(visible=False, axis="y")
    return figure


@picture("drift")
def drift(test_drift: Mapping[str, float]) -> Figure:
    """Draw the features whose distribution differed most between train and test part."""
    order = sorted(test_drift, key=lambda name: -test_drift[name])[:MAX_BARS][::-1]
    values = [test_drift[name] for name in order]
    figure = new_figure(5.2, 0.9 + 0.27 * len(order))
    axes = figure.subplots()
    axes.barh(order, values, color=[_drift_colour(value) for value in values])
    axes.axvline(NOTABLE_DRIFT, color=QUIET, linewidth=1, linestyle=":")
    axes.axvline(LARGE_DRIFT, color=BAD, linewidth=1, linestyle="--")
    axes.set_xlabel("PSI; dotted: notable, dashed: large")
    axes.grid(visible=False, axis="y")
    return figure


@picture("windows")
def windows(parts: Sequence[tuple[str, Window]]) -> Figure:
    """Draw the periods of the parts, one bar each, the first on top."""
    colours = {"test": MODEL, "served booster": INK}
    figure = new_figure(10.6, 0.5 + 0.3 * len(parts))
    axes = figure.subplots()
    for place, (name, window) in enumerate(reversed(parts)):
        start, end = on_axis(window.start), on_axis(window.end)
        axes.barh(place, end - start, left=start, height=0.6, color=colours.get(name, OTHER))
        axes.text(end, place, f" {_short(window.rows)} rows", va="center", fontsize=8)
    axes.set_yticks(range(len(parts)), [name for name, _ in reversed(parts)])
    axes.margins(x=0.08)
    time_axis(axes)
    axes.grid(visible=False, axis="y")
    return figure


@picture("steps")
def steps(made: Sequence[StepResult]) -> Figure:
    """Draw each training's accuracy on the rows after it, and its boosting rounds below."""
    moments = [on_axis(step.moment) for step in made]
    figure = new_figure(10.6, 3.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    above.axhline(0.5, color=QUIET, linewidth=1)
    above.plot(
        moments, [step.accuracy for step in made],
        color=MODEL, marker="o", markersize=3, linewidth=0, alpha=0.8,
    )  # fmt: skip
    above.set_ylabel("was right")
    percent_axis(above, "y")
    below.step(moments, [step.rounds for step in made], color=INK, linewidth=1, where="post")
    below.set(ylabel="rounds", ylim=(0, None))
    time_axis(below)
    return figure


def _limits(bins: Sequence[ConfidenceBin]) -> tuple[float, float]:
    said = [one.mean_confidence for one in bins]
    room = max(0.02, (max(said) - min(said)) * 0.08)
    return max(0.0, min(said) - room), min(1.0, max(said) + room)


def _bin_colour(found: ConfidenceBin) -> str:
    return MODEL if found.low >= MIN_CONFIDENCE else "#8db8f5"


def _drift_colour(value: float) -> str:
    return BAD if value > LARGE_DRIFT else MODEL if value > NOTABLE_DRIFT else OTHER


def _short(rows: int) -> str:
    if rows < 1000:
        return str(rows)
    return f"{rows / 1000:.0f}k" if rows < 1_000_000 else f"{rows / 1_000_000:.1f}M"
