"""How pictures look, and how they become part of a page."""

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import matplotlib as mpl
import matplotlib.dates as mdates
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from signal_server.training.bootstrap import Interval

INK, QUIET, GRID = "#1c2430", "#6b7684", "#e3e7ec"
MODEL, OTHER, GOOD, BAD = "#1f6feb", "#9aa7b5", "#1a7f37", "#cf222e"

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": OTHER,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "legend.frameon": False,
}


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sizes in inches of 72 points."""
    return Figure(figsize=(width, height), layout="constrained")


def picture[**P](name: str) -> Callable[[Callable[P, Figure]], Callable[P, str]]:
    """Turn a function that draws a figure into one that returns it as an SVG element.

    The same figure gives the same text. `name` keeps the ids of a page's pictures apart.
    """

    def decorate(draw: Callable[P, Figure]) -> Callable[P, str]:
        @wraps(draw)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> str:
            text = io.StringIO()
            with mpl.rc_context({**_STYLE, "svg.hashsalt": name, "svg.id": name}):
                draw(*args, **kwargs).savefig(
                    text, format="svg", transparent=True, metadata={"Date": None}
                )
            svg = text.getvalue()
            return svg[svg.index("<svg") :]

        return drawn

    return decorate


def on_axis(moment: datetime) -> float:
    """Return where a moment is on an axis of time."""
    return float(mdates.date2num(moment))  # type: ignore[no-untyped-call]


def time_axis(axes: Axes) -> None:
    """Show dates along the x axis, whose values are those of `on_axis`."""
    axes.xaxis_date()
    locator = mdates.AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def percent_axis(axes: Axes, which: str) -> None:
    """Show shares as whole percents on the axis `which`, x or y."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def whiskers(values: Sequence[float], intervals: Sequence[Interval]) -> list[list[float]]:
    """Return distances to the ends of the intervals, as error bars take them."""
    pairs = list(zip(values, intervals, strict=True))
    below = [max(0.0, value - interval.low) for value, interval in pairs]
    above = [max(0.0, interval.high - value) for value, interval in pairs]
    return [below, above]
