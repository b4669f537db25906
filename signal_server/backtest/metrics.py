"""What a simulation earned, risked and paid, beside buying and holding."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.backtest.position import Trade
from signal_server.backtest.simulator import Simulation
from signal_server.core.costs import Costs

DAYS_A_YEAR = 365
MIN_SHARPE_DAYS = 30
SHARPE_CAVEAT = (
    "annualised from daily returns without a risk-free rate; one period, one path, and fat tails: "
    "its error is about 1/sqrt(years)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Figures of one backtest. Money is in quote currency; shares are of 1, not percent.

    None stands for what cannot be told: rates without a trade, `profit_factor` without a loss,
    `sharpe` from less than 30 days. `max_drawdown` is the deepest fall of equity below its
    highest value so far, as a positive share of that value. `exposure` is the share of intervals
    with an open position.
    """

    initial_capital: float
    final_equity: float
    net_pnl: float
    total_return: float
    buy_and_hold_return: float
    max_drawdown: float
    max_drawdown_quote: float
    exposure: float
    sharpe: float | None
    trades: int
    wins: int
    win_rate: float | None
    profit_factor: float | None
    average_pnl: float | None
    best_pnl: float | None
    worst_pnl: float | None
    average_hold_s: float | None
    gross_pnl: float
    fees: float
    slippage: float
    costs: float
    exits: Mapping[str, int]


def measure(
    simulation: Simulation,
    bars: Mapping[str, pd.DataFrame],
    *,
    initial_capital: float,
    costs: Costs,
) -> Metrics:
    """Compute the figures of a simulation over `bars` (symbol → bar frame)."""
    equity = simulation.equity["equity"]
    trades = simulation.trades
    net = np.array([trade.net_pnl for trade in trades], dtype=np.float64)
    final = float(equity.iloc[-1]) if len(equity) else initial_capital
    fall, fall_quote = max_drawdown(equity, initial_capital)
    fees = math.fsum(trade.fees for trade in trades)
    slippage = math.fsum(trade.slippage for trade in trades)
    return Metrics(
        initial_capital=initial_capital,
        final_equity=final,
        net_pnl=final - initial_capital,
        total_return=final / initial_capital - 1,
        buy_and_hold_return=buy_and_hold_return(bars, costs),
        max_drawdown=fall,
        max_drawdown_quote=fall_quote,
        exposure=float((simulation.equity["positions"] > 0).mean()) if len(equity) else 0.0,
        sharpe=sharpe(equity),
        trades=len(trades),
        wins=int((net > 0).sum()),
        win_rate=float((net > 0).mean()) if len(net) else None,
        profit_factor=profit_factor(net),
        average_pnl=float(net.mean()) if len(net) else None,
        best_pnl=float(net.max()) if len(net) else None,
        worst_pnl=float(net.min()) if len(net) else None,
        average_hold_s=_average_hold_s(trades),
        gross_pnl=math.fsum(trade.gross_pnl for trade in trades),
        fees=fees,
        slippage=slippage,
        costs=fees + slippage,
        exits=dict(Counter(trade.exit_reason.value for trade in trades)),
    )


def drawdown(equity: "pd.Series[float]", initial_capital: float) -> "pd.Series[float]":
    """Return the fall below the highest equity so far, as a share of it: 0 or negative."""
    highest = equity.cummax().clip(lower=initial_capital)
    return equity / highest - 1


def max_drawdown(equity: "pd.Series[float]", initial_capital: float) -> tuple[float, float]:
    """Return the deepest fall as a positive share of the peak, and the deepest in quote."""
    if equity.empty:
        return 0.0, 0.0
    highest = equity.cummax().clip(lower=initial_capital)
    return float((1 - equity / highest).max()), float((highest - equity).max())


def profit_factor(net_pnl: NDArray[np.float64]) -> float | None:
    """Return the sum of the wins over the sum of the losses; None without a loss."""
    lost = -float(net_pnl[net_pnl < 0].sum())
    return float(net_pnl[net_pnl > 0].sum()) / lost if lost > 0 else None


def sharpe(equity: "pd.Series[float]") -> float | None:
    """Return the annualised Sharpe ratio of daily returns (UTC days, no risk-free rate).

    None with fewer than 30 daily returns or without any movement. Crypto trades every day, so
    a year has 365.
    """
    if equity.empty:
        return None
    returns = equity.resample("1D").last().ffill().pct_change().dropna().to_numpy(np.float64)
    if len(returns) < MIN_SHARPE_DAYS or returns.std(ddof=1) == 0:
        return None
    return float(returns.mean() / returns.std(ddof=1) * math.sqrt(DAYS_A_YEAR))


def buy_and_hold_return(bars: Mapping[str, pd.DataFrame], costs: Costs) -> float:
    """Return what equal parts bought at the first open and sold at the last close return.

    Each part pays the same fees and slippage as a trade.
    """
    returns = [_hold(frame, costs) for frame in bars.values() if len(frame)]
    return float(np.mean(returns)) if returns else 0.0


def _hold(bars: pd.DataFrame, costs: Costs) -> float:
    bought = costs.buy_price(float(bars["open"].iloc[0]))
    sold = costs.sell_price(float(bars["close"].iloc[-1]))
    return sold / bought * (1 - costs.fee_share) - costs.fee_share - 1


def _average_hold_s(trades: tuple[Trade, ...]) -> float | None:
    if not trades:
        return None
    held = (trade.exit_time - trade.entry_time for trade in trades)
    return math.fsum(one.total_seconds() for one in held) / len(trades)
