"""The figures of a backtest, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from signal_server.backtest.metrics import (
    buy_and_hold_return,
    drawdown,
    max_drawdown,
    measure,
    profit_factor,
    sharpe,
)
from signal_server.backtest.simulator import simulate
from signal_server.backtest.timeline import SimulationRequest
from signal_server.core.config import BacktestConfig
from signal_server.core.costs import Costs

CONFIG = BacktestConfig(
    min_confidence=0.6,
    quote_size=100,
    max_positions=5,
    stop_loss=0.05,
    take_profit=0.10,
    time_limit_s=3600,
    cooldown_s=0,
    initial_capital=1000,
    fee_bps=0,
    slippage_bps=0,
)


def _equity(*values: float) -> "pd.Series[float]":
    index = pd.date_range("2025-01-01", periods=len(values), freq="1D", tz="UTC")
    return pd.Series(values, index=index, dtype=np.float64)


def test_drawdown_is_measured_from_the_highest_so_far() -> None:
    equity = _equity(110, 99, 121, 96.8)
    assert drawdown(equity, 100).tolist() == pytest.approx([0, -0.1, 0, -0.2])
    assert max_drawdown(equity, 100) == (pytest.approx(0.2), pytest.approx(24.2))


def test_a_loss_from_the_start_is_a_drawdown_from_the_capital() -> None:
    assert max_drawdown(_equity(90, 95), 100) == (pytest.approx(0.1), pytest.approx(10))


def test_profit_factor_is_wins_over_losses() -> None:
    assert profit_factor(np.array([3.0, -1.0, 1.0, -1.0])) == pytest.approx(2)


def test_profit_factor_needs_a_loss() -> None:
    assert profit_factor(np.array([3.0])) is None


def test_sharpe_needs_thirty_days() -> None:
    assert sharpe(_equity(*range(100, 130))) is None


def test_sharpe_is_annualised_over_365_days() -> None:
    values = 100 * np.cumprod(np.tile([1.02, 0.99], 20))
    returns = values[1:] / values[:-1] - 1
    expected = returns.mean() / returns.std(ddof=1) * np.sqrt(365)
    assert sharpe(_equity(*values)) == pytest.approx(expected)


def test_buy_and_hold_pays_costs_once_each_side() -> None:
    bars = pd.DataFrame({"open": [100.0, 105.0], "close": [105.0, 110.0]})
    costs = Costs(fee_bps=100, slippage_bps=0)
    assert buy_and_hold_return({"A": bars}, costs) == pytest.approx(1.1 * 0.99 - 0.01 - 1)


def test_buy_and_hold_splits_the_money_equally() -> None:
    doubled = pd.DataFrame({"open": [1.0], "close": [2.0]})
    same = pd.DataFrame({"open": [1.0], "close": [1.0]})
    assert buy_and_hold_return({"A": doubled, "B": same}, Costs(0, 0)) == pytest.approx(0.5)


def test_two_trades_are_summed_up() -> None:
    """Buy at 100: +10 at the take-profit; buy at 100 again: -5 at the stop."""
    index = pd.date_range("2025-01-01 00:01", periods=5, freq="1min", tz="UTC")
    rows = [(100, 100, 100, 100), (100, 111, 100, 100), (100, 100, 94, 100)] + [(100,) * 4] * 2
    bars = {"A-USD": pd.DataFrame(rows, index=index, columns=["open", "high", "low", "close"])}
    predictions = {"A-USD": pd.DataFrame({"DOWN": 0.2, "UP": 0.8}, index=index[:2])}
    simulation = simulate(SimulationRequest(bars, predictions, CONFIG, 60, 90))
    metrics = measure(simulation, bars, initial_capital=1000, costs=Costs(0, 0))
    assert (metrics.trades, metrics.wins, metrics.win_rate) == (2, 1, 0.5)
    assert metrics.net_pnl == pytest.approx(5)
    assert metrics.profit_factor == pytest.approx(2)
    assert metrics.max_drawdown_quote == pytest.approx(5)
    assert metrics.exits == {"TAKE_PROFIT": 1, "STOP_LOSS": 1}
    assert metrics.average_hold_s == 60
    assert metrics.sharpe is None


def test_without_trades_rates_are_unknown_and_nothing_is_lost() -> None:
    simulation = simulate(SimulationRequest({}, {}, CONFIG, 60, 90))
    metrics = measure(simulation, {}, initial_capital=1000, costs=Costs(26, 3))
    assert (metrics.win_rate, metrics.profit_factor, metrics.average_hold_s) == (None, None, None)
    assert (metrics.net_pnl, metrics.max_drawdown) == (0, 0)
