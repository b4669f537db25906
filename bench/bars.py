"""The bars that are measured on: real minutes where they are, else a seeded random walk."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "market"

_HELD_OUT = pd.Timestamp("2025-04-01", tz="UTC")
"""What comes later judges the models, and is not looked at for anything else."""


def minute_bars(count: int) -> tuple[pd.DataFrame, str]:
    """Return a bar frame of BTC-USD minutes, and what they are."""
    path = Path(os.environ.get("MARKET_DATA_DIR", _FOLDER)) / "BTCUSDT.parquet"
    if path.exists():
        source = pd.read_parquet(path)
        starts = pd.to_datetime(source["timestamp"], utc=True)
        source = source[starts < _HELD_OUT].tail(count)
        closes = starts[source.index] + pd.Timedelta(minutes=1)
        frame = source.drop(columns="timestamp").set_index(pd.DatetimeIndex(closes))
        what = f"newest {count:,} BTCUSDT minutes to {closes.iloc[-1]:%Y-%m-%d}"
    else:
        frame, what = _seeded(count), f"{count:,} bars of a seeded random walk"
    frame.index = frame.index.rename("close_time").as_unit("us")
    counts = np.random.default_rng(1).poisson(30, len(frame)).astype("float64")
    return frame.assign(vwap=np.nan, transactions=counts).astype("float64"), what


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
