"""The bars that are measured on: real minutes where they are, else a seeded random walk."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from signal_server.core.domain import BAR_COLUMNS

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "market"

_HELD_OUT = pd.Timestamp("2025-04-01", tz="UTC")
"""What comes later judges the models, and is not looked at for anything else."""


def minute_bars(count: int) -> tuple[pd.DataFrame, str]:
    """Return a bar frame of BTC-USD minutes, and what they are."""
    if _path("BTC-USD").exists():
        frame = real_minutes("BTC-USD").tail(count)
        what = f"newest {count:,} BTCUSDT minutes to {frame.index[-1]:%Y-%m-%d}"
    else:
        frame, what = _seeded(count), f"{count:,} bars of a seeded random walk"
        frame.index = frame.index.rename("close_time").as_unit("us")
    counts = np.random.default_rng(1).poisson(30, len(frame)).astype("float64")
    return frame.assign(vwap=np.nan, transactions=counts).astype("float64"), what


def real_minutes(symbol: str) -> pd.DataFrame:
    """Return a bar frame of a coin's real minutes that may be looked at; USDT stands for USD."""
    source = pd.read_parquet(_path(symbol))
    starts = pd.to_datetime(source["timestamp"], utc=True)
    source = source[starts < _HELD_OUT]
    closes = starts[source.index] + pd.Timedelta(minutes=1)
    frame = source.set_index(pd.DatetimeIndex(closes).as_unit("us").rename("close_time"))
    return frame.reindex(columns=list(BAR_COLUMNS)).astype("float64")


def _path(symbol: str) -> Path:
    name = f"{symbol.removesuffix('-USD')}USDT.parquet"
    return Path(os.environ.get("MARKET_DATA_DIR", _FOLDER)) / name


def _seeded(count: int) -> pd.DataFrame:
    random = np.random.default_rng(1)
    close = 60_000 * np.exp(np.cumsum(random.normal(0, 0.0005, count)))
    opened = np.concatenate([[60_000.0], close[:-1]])
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.0002,
        "low": np.minimum(opened, close) * 0.9998,
        "close": close,
        "volume": random.lognormal(0, 1, count),
    }
    index = pd.date_range(end="2025-07-01", periods=count, freq="min", tz="UTC")
    return pd.DataFrame(columns, index=index)
