"""A small model, really trained on seeded bars with momentum, and those bars."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from signal_server.core.config import (
    BacktestConfig,
    BoosterConfig,
    LabelConfig,
    LabelKind,
    ProfileConfig,
    TrainingConfig,
)
from signal_server.core.domain import BAR_COLUMNS
from signal_server.training.artifact import Model
from signal_server.training.registry import ModelRegistry
from signal_server.training.train import TrainingSpec, train

BARS = 5_000
SYMBOLS = ("BTC-USD", "ETH-USD")


@dataclass(frozen=True, slots=True)
class Trained:
    model: Model
    bars: Mapping[str, pd.DataFrame]


def seeded_bars(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    returns = rng.normal(0, 1e-3, BARS)
    for row in range(1, BARS):
        returns[row] += 0.4 * returns[row - 1]
    close = 60_000 * np.exp(np.cumsum(returns))
    opened = np.concatenate([[60_000.0], close[:-1]])
    index = pd.date_range("2025-01-01", periods=BARS, freq="1min", tz="UTC", name="close_time")
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.0003,
        "low": np.minimum(opened, close) * 0.9997,
        "close": close,
        "volume": rng.lognormal(1, 0.5, BARS),
        "vwap": (opened + close) / 2,
        "transactions": np.nan,
    }
    return pd.DataFrame(columns, index=index, columns=list(BAR_COLUMNS), dtype="float64")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    booster = BoosterConfig(
        max_depth=3,
        learning_rate=0.1,
        min_child_weight=20,
        reg_lambda=10,
        subsample=0.8,
        colsample_bytree=0.8,
    )
    training = TrainingConfig(
        seed=7,
        validation_share=0.15,
        calibration_share=0.15,
        test_share=0.2,
        max_rounds=40,
        early_stopping_rounds=10,
        row_stride_bars=5,
        use_trade_counts=False,
        booster=booster,
    )
    label = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=300)
    spec = TrainingSpec("small", ProfileConfig(label=label, features="six"), training, 60)
    bars = {symbol: seeded_bars(seed) for seed, symbol in enumerate(SYMBOLS)}
    registry = ModelRegistry(tmp_path_factory.mktemp("models"))
    manifest = registry.register(train(bars, spec, lambda _name, _share: None))
    return Trained(registry.load("small", manifest.version), bars)


@pytest.fixture
def config() -> BacktestConfig:
    """Rules that trade often: a low confidence, near barriers, no costs."""
    return BacktestConfig(
        min_confidence=0.51,
        quote_size=100,
        max_positions=5,
        stop_loss=0.01,
        take_profit=0.01,
        time_limit_s=300,
        cooldown_s=0,
        initial_capital=500,
        fee_bps=0,
        slippage_bps=0,
    )
