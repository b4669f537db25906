"""A registered model trades its own test part and nothing else."""

import numpy as np
import pandas as pd
import pytest

from signal_server.backtest.replay import BacktestRequest, BacktestResult, backtest
from signal_server.backtest.replay import predict_test_part as predict
from signal_server.core.config import BacktestConfig
from signal_server.core.errors import NoHistoryError
from signal_server.features.catalogue import warmup_bars

from .conftest import Trained


def _backtest(trained: Trained, config: BacktestConfig) -> BacktestResult:
    return backtest(BacktestRequest(trained.model, trained.bars, config, 90), lambda *_: None)


def test_it_trades_inside_the_test_part_alone(trained: Trained, config: BacktestConfig) -> None:
    result = _backtest(trained, config)
    window = result.manifest.windows.test
    assert result.metrics.trades > 10
    assert min(trade.signal_time for trade in result.simulation.trades) >= window.start
    assert max(trade.signal_time for trade in result.simulation.trades) <= window.end
    assert result.simulation.equity.index[-1] <= pd.Timestamp(window.last_known_at)


def test_every_bar_of_the_test_part_has_a_prediction(trained: Trained) -> None:
    bars = trained.bars["BTC-USD"]
    window = trained.model.manifest.windows.test
    assert predict(trained.model, bars).index.equals(bars.loc[window.start : window.end].index)


def test_bars_after_the_test_part_change_nothing(trained: Trained, config: BacktestConfig) -> None:
    window = trained.model.manifest.windows.test
    cut = {symbol: bars.loc[: window.last_known_at] for symbol, bars in trained.bars.items()}
    extended = _backtest(trained, config)
    known = _backtest(Trained(trained.model, cut), config)
    assert extended.simulation.trades == known.simulation.trades


def test_bars_before_the_warm_up_change_nothing(trained: Trained) -> None:
    model, bars = trained.model, trained.bars["BTC-USD"]
    first = int(bars.index.searchsorted(pd.Timestamp(model.manifest.windows.test.start)))
    tail = bars.iloc[first - warmup_bars(model.manifest.feature_names) :]
    np.testing.assert_allclose(predict(model, tail), predict(model, bars), rtol=1e-6)


def test_a_gap_in_the_warm_up_gives_no_prediction(trained: Trained) -> None:
    model, bars = trained.model, trained.bars["BTC-USD"]
    start = pd.Timestamp(model.manifest.windows.test.start)
    lost = (bars.index >= start - pd.Timedelta(hours=2)) & (bars.index < start)
    assert start not in predict(model, bars.loc[~lost]).index


def test_costs_only_take(trained: Trained, config: BacktestConfig) -> None:
    costly = config.model_copy(update={"fee_bps": 26.0, "slippage_bps": 3.0})
    metrics = _backtest(trained, costly).metrics
    assert metrics.costs > 0
    assert metrics.net_pnl == pytest.approx(metrics.gross_pnl - metrics.costs)


def test_a_symbol_without_its_test_part_is_named(trained: Trained, config: BacktestConfig) -> None:
    early = {symbol: bars.iloc[:1000] for symbol, bars in trained.bars.items()}
    with pytest.raises(NoHistoryError, match="BTC-USD has no bars stored from"):
        _backtest(Trained(trained.model, early), config)
    with pytest.raises(NoHistoryError, match="BTC-USD has no bars stored from"):
        _backtest(Trained(trained.model, {}), config)
