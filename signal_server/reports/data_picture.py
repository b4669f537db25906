"""A picture of the bars held: for each symbol its price over a strip of its coverage."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from signal_server.market.quality.shape import Times
from signal_server.market.timeline import Timeline
from signal_server.reports.drawing import BAD, GOOD, GRID, INK, MODEL, QUIET, new_figure, time_axis

NO_TRADES = "#c9d7ea"
ROW_INCHES = 0.55
STRIP = (0.06, 0.30)
PRICE = (0.36, 0.94)
"""Where a symbol's strip and its price lie in its row, which is 1 high."""
DAY_US = 86_400_000_000
LEAST_SEEN = 0.35
"""A piece of time with anything missing shows at least so much of it."""


def save_data_picture(timelines: Sequence[Timeline], edges: Times, path: Path) -> None:
    """Draw the symbols from top to bottom into a PNG file, which appears when it is whole."""
    drawn = io.BytesIO()
    draw_data(timelines, edges).savefig(drawn, format="png", dpi=110, facecolor="white")
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(drawn.getvalue())
    partial.replace(path)


def draw_data(timelines: Sequence[Timeline], edges: Times) -> Figure:
    """Return the figure; `edges` are those of the timelines' pieces."""
    rows = len(timelines)
    figure = new_figure(12.0, 1.3 + ROW_INCHES * rows)
    axes = figure.add_subplot()
    days = edges / DAY_US
    for row, timeline in enumerate(timelines):
        _draw_row(axes, rows - 1 - row, timeline, days)
    _dress(axes, timelines, days)
    _explain(figure)
    return figure


def _draw_row(axes: Axes, base: int, timeline: Timeline, days: NDArray[np.float64]) -> None:
    strip = (days[0], days[-1], base + STRIP[0], base + STRIP[1])
    axes.imshow(
        _colours(timeline)[np.newaxis], extent=strip, aspect="auto", interpolation="nearest"
    )
    middle = (days[:-1] + days[1:]) / 2
    axes.plot(middle, base + _scaled(timeline.price), color=MODEL, linewidth=0.9)
    axes.axhline(base, color=GRID, linewidth=0.8)


def _colours(timeline: Timeline) -> NDArray[np.float64]:
    """Return the RGBA of each piece: a mixture of what there is, transparent where nothing is."""
    missing = np.where(timeline.missing > 0, np.maximum(timeline.missing, LEAST_SEEN), 0.0)
    others = timeline.present + timeline.quiet
    scale = (1.0 - missing) / np.where(others > 0, others, 1.0)
    shares = np.stack([timeline.present * scale, timeline.quiet * scale, missing], axis=1)
    total = shares.sum(axis=1, keepdims=True)
    parts = np.array([to_rgb(colour) for colour in (GOOD, NO_TRADES, BAD)])
    mixed = shares @ parts / np.where(total > 0, total, 1.0)
    return np.concatenate([mixed.clip(0, 1), (total > 0).astype(np.float64)], axis=1)


def _scaled(price: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring the logarithm of a price into its part of the row."""
    logs = np.log(price)
    low, high = np.nanmin(logs), np.nanmax(logs)
    share = (logs - low) / (high - low) if high > low else np.where(np.isnan(logs), np.nan, 0.5)
    scaled: NDArray[np.float64] = PRICE[0] + (PRICE[1] - PRICE[0]) * share
    return scaled


def _dress(axes: Axes, timelines: Sequence[Timeline], days: NDArray[np.float64]) -> None:
    rows = len(timelines)
    places = [rows - 0.5 - row for row in range(rows)]
    axes.set(xlim=(days[0], days[-1]), ylim=(0, rows))
    axes.set_yticks(places, [timeline.symbol for timeline in timelines], color=INK)
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, [_summary(timeline) for timeline in timelines], color=QUIET)
    time_axis(axes)
    for side in (axes, right):
        side.tick_params(length=0, labelsize=9)
        side.spines[:].set_visible(False)
    axes.tick_params(axis="x", labelcolor=QUIET)


def _summary(timeline: Timeline) -> str:
    last = timeline.price[~np.isnan(timeline.price)][-1]
    return f"{timeline.bars:,} bars\nlast {last:,.6g}"


def _explain(figure: Figure) -> None:
    names = {GOOD: "bars", NO_TRADES: "no trades", BAD: "missing: never asked for"}
    patches = [Patch(color=colour, label=name) for colour, name in names.items()]
    figure.legend(
        handles=patches, loc="outside upper left", ncols=len(patches), frameon=False, fontsize=9
    )
