"""Bar frames to compute features over: random, standing still, and real."""

import numpy as np
import pandas as pd

from tests.real_data import market_file

PRICES = ["open", "high", "low", "close"]
COUNTS = ["volume", "transactions"]


def random_bars(bars: int = 2_600, price: float = 100.0, seed: int = 1) -> pd.DataFrame:
    """Return a random walk with wicks, volume and trade counts."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(0, 0.001, bars)))
    opened = np.concatenate([[price], close[:-1]])
    wick = np.abs(random.normal(0, 0.0005, (2, bars)))
    index = pd.date_range("2025-01-01", periods=bars, freq="min", tz="UTC", name="close_time")
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * (1 + wick[0]),
            "low": np.minimum(opened, close) * (1 - wick[1]),
            "close": close,
            "volume": random.lognormal(0, 1, bars),
            "vwap": np.nan,
            "transactions": random.poisson(30, bars).astype("float64"),
        },
        index=index,
    )


def still_between(bars: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    """Return the bars with a market that stands still from `start` to `end`, and then goes on."""
    changed = bars.copy()
    changed.loc[bars.index[end:], PRICES] *= bars["close"].iloc[start - 1] / bars["open"].iloc[end]
    changed.loc[bars.index[start:end], PRICES] = bars["close"].iloc[start - 1]
    changed.loc[bars.index[start:end], COUNTS] = 0.0
    return changed


def real_bars(name: str) -> pd.DataFrame:
    """Return a bar frame of real minutes; skip the test where there are none."""
    frame = pd.read_parquet(market_file(name))
    closes = pd.to_datetime(frame.pop("timestamp"), utc=True) + pd.Timedelta(minutes=1)
    frame.index = pd.DatetimeIndex(closes, name="close_time")
    counts = frame.get("transactions", np.nan)
    return frame.assign(vwap=np.nan, transactions=counts).astype("float64")
