"""What the most confident calls are worth, before and after costs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.core.costs import BPS
from signal_server.training.bootstrap import Estimate, Resampling
from signal_server.training.evaluation import Evaluation, Outcomes
from signal_server.training.sharpe import Sharpe, sharpe_of
from signal_server.training.verdict import MIN_CONFIDENCE

DAY_S = 86_400
TOP_SHARES = (0.01, 0.05, 0.10)
SELECTIONS = len(TOP_SHARES) + 1
"""How many are looked at, with that of 0.60 and above, whether or not it has a row."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows whose likelier side, UP or DOWN, has at least the probability `min_confidence`.

    That is the top `top_share` of all rows; None where the probability was given. A row may be
    selected though FLAT is likelier still. `accuracy` is how often the side came true, `move_bps`
    how far the price went its way, before costs; None where only bought positions have a return,
    and then the side is always UP. `net_bps` is what a row of `buys` (side UP) returned after
    costs; `trades` counts those that one position a symbol could take. `sharpe` is of the trades'
    sums per period over all symbols, each with the same capital; its trials count the selections.
    """

    top_share: float | None
    min_confidence: float
    rows: int
    accuracy: float
    move_bps: Estimate | None
    buys: int
    trades: int
    net_bps: Estimate | None
    sharpe: Sharpe | None


def selections(evaluation: Evaluation, resampling: Resampling) -> tuple[Selection, ...]:
    """Return what the top 1%, 5% and 10% of rows and those from 0.60 on are worth.

    Empty without outcomes; a selection without a row is left out.
    """
    outcomes = evaluation.outcomes
    if outcomes is None:
        return ()
    strength = evaluation.leanings[1]
    levels: list[tuple[float | None, float]] = [
        (share, float(np.quantile(strength, 1 - share, method="higher"))) for share in TOP_SHARES
    ]
    return tuple(
        _selection(evaluation, outcomes, resampling, level)
        for level in [*levels, (None, MIN_CONFIDENCE)]
        if (strength >= level[1]).any()
    )


def say_worth(found: tuple[Selection, ...], costs_bps: float | None) -> str:
    """Say what buying returned at 0.60 and above, or else in the top tenth; empty if unknown."""
    bought = [(one, one.net_bps) for one in found if one.net_bps is not None]
    if not bought or costs_bps is None:
        return ""
    selection, net = bought[-1]
    return (
        f" A buy at P(UP) {selection.min_confidence:.2f} and above returned {net.value:+.1f} bps "
        f"({net.interval.low:+.1f} to {net.interval.high:+.1f}) {say_costs(selection, costs_bps)}."
    )


def say_costs(selection: Selection, costs_bps: float | None) -> str:
    """Say which costs `net_bps` is after; a trade's label has taken off its own."""
    if selection.move_bps is None:
        return "after costs"
    return f"after costs of {costs_bps:.0f} bps" if costs_bps else "before costs"


def _selection(
    evaluation: Evaluation,
    outcomes: Outcomes,
    resampling: Resampling,
    level: tuple[float | None, float],
) -> Selection:
    sides, strength = evaluation.leanings
    inside = strength >= level[1]
    buys = inside & (sides > 0)
    came_true = sides == evaluation.happened
    net = outcomes.returns - outcomes.costs_bps / BPS
    trades = evaluation.trades(buys)
    return Selection(
        top_share=level[0],
        min_confidence=level[1],
        rows=int(inside.sum()),
        accuracy=float(came_true[inside].mean()),
        move_bps=(
            None if outcomes.long_only else resampling.mean(sides * outcomes.returns * BPS, inside)
        ),
        buys=int(buys.sum()),
        trades=len(trades),
        net_bps=resampling.mean(net * BPS, buys) if buys.any() else None,
        sharpe=_sharpe(evaluation, outcomes, trades, net),
    )


def _sharpe(
    evaluation: Evaluation,
    outcomes: Outcomes,
    trades: NDArray[np.int64],
    net: NDArray[np.float64],
) -> Sharpe | None:
    """Measure the sums per period; a period is as many whole days as a horizon takes."""
    period_s = DAY_S * -(-evaluation.horizon_s // DAY_S)
    number = evaluation.time.as_unit("s").asi8 // period_s
    number = number - number[0]
    symbols = len(np.unique(outcomes.symbol_codes))
    sums = np.bincount(number[trades], weights=net[trades], minlength=int(number[-1]) + 1)
    return sharpe_of(sums / symbols, period_s, evaluation.tried.total * SELECTIONS)
