"""What the surest buys earn at Kraken: by horizon, selection, exit and kind of order.

`python -m bench.money` learns from the past of two quarters, as `bench.edge` does, and follows each
call of UP on them as a trade of the bot. Bars from April 2025 on are never read. It takes about ten
minutes and is no part of `make bench`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from scipy import stats

from bench.bars import real_minutes
from bench.edge import COINS, Idea, Judged, judge
from signal_server.core.label_config import BarrierConfig, LabelConfig, LabelKind
from signal_server.labels import make_labels
from signal_server.training.bootstrap import (
    MIN_EFFECTIVE,
    Estimate,
    Resampling,
    effective_count,
)

HOURS = (1, 2, 4, 24)
ROUNDS = 300
BLOCK_S = 2 * 86_400
SHARES = (0.1, 0.01, 0.002)
FAR = 0.9
EXITS = {
    "when the time is over": (FAR, 1 / FAR),
    "-1% or +1.5%": (0.01, 0.015),
    "-2% or +4%": (0.02, 0.04),
    "-5% or +10%": (0.05, 0.10),
}
"""Stop and take-profit; the time limit is the horizon."""
ORDERS = {"taker": (26.0, 3.0), "maker": (16.0, 0.0)}
"""Fee and slippage of a side in bps; a maker's as if each order were filled at once and whole."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One way to trade: its mean net return in bps, and the means that 2,000 draws give it.

    `blocks` is how many blocks of time its rows are worth.
    """

    hours: int
    exit: str
    order: str
    share: float
    rows: int
    blocks: float
    net: Estimate
    drawn: NDArray[np.float64]

    @property
    def name(self) -> str:
        """Return the way to trade in words."""
        ways = f"{self.hours} h, {self.exit}, {self.order}, surest {self.share:.1%} of rows"
        return f"{ways} ({self.rows:,} buys)"


def main() -> int:
    """Print the table of means, the best of each kind of order, and how lucky the best may be."""
    cells = [cell for hours in HOURS for cell in _cells(hours)]
    console = Console(width=120)
    console.print(_table(cells))
    for order in ORDERS:
        best = max((cell for cell in cells if cell.order == order), key=lambda cell: cell.net.value)
        found, interval = best.net.value, best.net.interval
        console.print(
            f"best as {order}: {found:+.1f} bps ({interval.low:+.1f} to {interval.high:+.1f}); "
            f"{best.name}"
        )
    console.print(
        f"the best of {len(cells)} ways that earn nothing looks as good as the best of these in "
        f"{luck(cells):.0%} of draws"
    )
    return 0


def luck(cells: list[Cell]) -> float:
    """Return how often chance alone makes the best of the cells as good as it is found.

    White's reality check (2000), each cell's mean counted in its own standard errors, as Hansen
    (2005) has it. Errors of few blocks are themselves unsure, so what a cell shows is taken as a
    t statistic and brought to the normal scale of the draws. Cells of fewer than two blocks' worth
    have no error and are left out; NaN if all are.
    """
    counted = [cell for cell in cells if cell.blocks >= MIN_EFFECTIVE]
    if not counted:
        return float("nan")
    means = np.array([cell.net.value for cell in counted])
    drawn = np.array([cell.drawn for cell in counted])
    blocks = np.array([cell.blocks for cell in counted])
    errors = np.nanstd(drawn, axis=1)
    by_chance = np.nanmax((drawn - means[:, np.newaxis]) / errors[:, np.newaxis], axis=0)
    shown = stats.t.sf(means / errors * np.sqrt((blocks - 1) / blocks), blocks - 1)
    return float(np.mean(by_chance >= stats.norm.isf(shown).max()))


def _cells(hours: int) -> Iterator[Cell]:
    folds = list(judge(Idea("direction-2h", ROUNDS, horizon_s=hours * 3600)))
    bars = {coin: real_minutes(coin) for coin in COINS}
    days = np.concatenate([np.asarray(fold.time.as_unit("s").asi8) // BLOCK_S for fold in folds])
    resampling = Resampling.of(np.unique(days, return_inverse=True)[1], seed=7)
    for way in EXITS:
        for order in ORDERS:
            label = _label(hours, way, order)
            nets = {coin: make_labels(bars[coin], label, 60)["forward_return"] for coin in COINS}
            net_bps = np.concatenate([_of_rows(nets, fold) for fold in folds]) * 1e4
            for share in SHARES:
                sure = np.concatenate([fold.surest(share) & (fold.margins > 0) for fold in folds])
                inside = sure & np.isfinite(net_bps)
                if inside.any():
                    which = (hours, way, order, share)
                    yield cell_of(which, resampling, net_bps, inside)


def cell_of(
    which: tuple[int, str, str, float],
    resampling: Resampling,
    net_bps: NDArray[np.float64],
    inside: NDArray[np.bool_],
) -> Cell:
    """Measure the rows `inside`, of which there is at least one, as one way to trade."""
    sizes = np.bincount(resampling.blocks[inside]).astype(np.float64)
    return Cell(
        *which,
        rows=int(inside.sum()),
        blocks=effective_count(sizes),
        net=resampling.mean(net_bps, inside),
        drawn=_drawn(resampling, net_bps, inside),
    )


def _label(hours: int, way: str, order: str) -> LabelConfig:
    (stop_loss, take_profit), (fee_bps, slippage_bps) = EXITS[way], ORDERS[order]
    barriers = BarrierConfig(
        stop_loss=stop_loss,
        take_profit=take_profit,
        fee_bps=fee_bps,
        slippage_bps=slippage_bps,
        signal_valid_s=90,
    )
    return LabelConfig(kind=LabelKind.TRIPLE_BARRIER, horizon_s=hours * 3600, barriers=barriers)


def _of_rows(nets: dict[str, pd.Series], fold: Judged) -> NDArray[np.float64]:
    """Return the trade of each row; NaN where none could begin or it is not known how it ended."""
    found = np.full(len(fold.time), np.nan)
    for coin, net in nets.items():
        rows = np.asarray(fold.coins) == coin
        found[rows] = net.reindex(fold.time[rows]).to_numpy(np.float64)
    return found


def _drawn(
    resampling: Resampling, values: NDArray[np.float64], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the mean of the rows `inside` in each draw; NaN in a draw without them."""
    count = resampling.draws.shape[1]
    blocks = resampling.blocks[inside]
    sums = resampling.draws @ np.bincount(blocks, weights=values[inside], minlength=count)
    sizes = resampling.draws @ np.bincount(blocks, minlength=count)
    return np.asarray(sums / np.where(sizes > 0, sizes, np.nan), dtype=np.float64)


def _table(cells: list[Cell]) -> Table:
    title = "mean bps of a buy after costs, October 2024 to March 2025"
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title)
    for name in ("horizon", "exit"):
        table.add_column(name)
    for order in ORDERS:
        for share in SHARES:
            table.add_column(f"{order} {share:.1%}", justify="right")
    for hours in HOURS:
        for way in EXITS:
            row = {
                (cell.order, cell.share): f"{cell.net.value:+.1f}"
                for cell in cells
                if (cell.hours, cell.exit) == (hours, way)
            }
            figures = (row.get((order, share), "") for order in ORDERS for share in SHARES)
            table.add_row(f"{hours} h", way, *figures)
    return table


if __name__ == "__main__":
    sys.exit(main())
