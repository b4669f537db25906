"""Seeded markets and datasets whose edge is known because it was planted."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from signal_server.core.config import (
    BoosterConfig,
    LabelConfig,
    LabelKind,
    ProfileConfig,
    TrainingConfig,
)
from signal_server.core.domain import BAR_COLUMNS, Direction
from signal_server.training.dataset import Dataset
from signal_server.training.train import TrainingSpec

STRIDE_S = 300
HORIZON_ROWS = 3

MakeTraining = Callable[..., TrainingConfig]
MakeDataset = Callable[..., Dataset]
MakeBars = Callable[..., pd.DataFrame]
MakeSpec = Callable[..., TrainingSpec]


def _training(**changes: object) -> TrainingConfig:
    booster = BoosterConfig(
        max_depth=3,
        learning_rate=0.1,
        min_child_weight=20,
        reg_lambda=10,
        subsample=0.8,
        colsample_bytree=0.8,
    )
    settings = {
        "seed": 7,
        "validation_share": 0.15,
        "calibration_share": 0.15,
        "test_share": 0.2,
        "max_rounds": 60,
        "early_stopping_rounds": 10,
        "row_stride_bars": 5,
        "use_trade_counts": False,
        "booster": booster,
    }
    return TrainingConfig(**{**settings, **changes})


def _returns(rows: int, momentum: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1e-3, rows)
    returns = np.empty(rows)
    previous = 0.0
    for row, shock in enumerate(noise):
        previous = momentum * previous + shock
        returns[row] = previous
    return returns


def _dataset(*, momentum: float = 0.0, rows: int = 6000, seed: int = 1) -> Dataset:
    returns = _returns(rows + HORIZON_ROWS, momentum, seed)
    ahead = sum(returns[1 + step : rows + 1 + step] for step in range(HORIZON_ROWS))
    lags = [np.roll(returns, lag)[:rows] for lag in range(5)]
    time = pd.date_range("2024-01-01", periods=rows, freq=f"{STRIDE_S}s", tz="UTC")
    return Dataset(
        names=tuple(f"return_lag_{lag}" for lag in range(5)),
        classes=(Direction.DOWN, Direction.UP),
        symbols=("BTC-USD",),
        features=np.column_stack(lags).astype(np.float32),
        labels=(ahead > 0).astype(np.int8),
        time=time,
        known_at=time + pd.Timedelta(seconds=HORIZON_ROWS * STRIDE_S),
        symbol_codes=np.zeros(rows, dtype=np.int16),
        returns=ahead.astype(np.float64),
        uniqueness=np.ones(rows, dtype=np.float32),
    )


def _bars(
    *, momentum: float = 0.0, count: int = 6000, seed: int = 1, bar_seconds: int = 60
) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1000)
    close = 60_000 * np.exp(np.cumsum(_returns(count, momentum, seed)))
    opened = np.concatenate([[60_000.0], close[:-1]])
    wick = close * np.abs(rng.normal(0, 3e-4, count))
    index = pd.date_range(
        "2024-01-01", periods=count, freq=f"{bar_seconds}s", tz="UTC", name="close_time"
    )
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) + wick,
        "low": np.minimum(opened, close) - wick,
        "close": close,
        "volume": rng.lognormal(1, 0.5, count),
        "vwap": (opened + close) / 2,
        "transactions": np.nan,
    }
    return pd.DataFrame(columns, index=index, columns=list(BAR_COLUMNS), dtype="float64")


def _spec(
    *, kind: LabelKind = LabelKind.DIRECTION, horizon_s: int = 300, **changes: object
) -> TrainingSpec:
    label = LabelConfig(
        kind=kind, horizon_s=horizon_s, threshold_bps=20 if kind is LabelKind.TREND else 0
    )
    profile = ProfileConfig(label=label, features="indicators")
    return TrainingSpec("planted", profile, _training(**changes), 60)


@pytest.fixture(scope="session")
def make_training() -> MakeTraining:
    """Training settings with some changed."""
    return _training


@pytest.fixture(scope="session")
def make_dataset() -> MakeDataset:
    """Rows of a random walk, or of one with momentum: UP/DOWN over the next three rows."""
    return _dataset


@pytest.fixture(scope="session")
def make_bars() -> MakeBars:
    """One-minute bars of a random walk, or of one with momentum."""
    return _bars


@pytest.fixture(scope="session")
def make_spec() -> MakeSpec:
    """A spec whose horizon is 300 s; keyword arguments change the training settings."""
    return _spec
