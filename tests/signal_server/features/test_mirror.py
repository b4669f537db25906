import numpy as np
import pandas as pd
import pytest

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.catalogue import compute_features, feature_names
from signal_server.features.mirror import mirror_of

NAMES = feature_names("pooled", trade_counts=False)
LEADERS = ("BTC-USD", "ETH-USD")


def market(seed: int, count: int) -> pd.DataFrame:
    """Bars of a random walk with small moves, so that 1 / p mirrors means of p closely."""
    chance = np.random.default_rng(seed)
    path = 100 * np.exp(np.cumsum(chance.normal(0, 3e-4, 4 * count)).reshape(count, 4))
    index = pd.date_range("2024-01-01", periods=count, freq="min", tz="UTC", name="close_time")
    return pd.DataFrame(
        {
            "open": path[:, 0],
            "high": path.max(axis=1),
            "low": path.min(axis=1),
            "close": path[:, 3],
            "volume": chance.lognormal(0, 1, count),
            "vwap": np.nan,
            "transactions": np.nan,
        },
        index=index,
    )


def inverted(bars: pd.DataFrame) -> pd.DataFrame:
    """The same market in a mirror: every price p is 10,000 / p."""
    prices = {"open": "open", "high": "low", "low": "high", "close": "close"}
    return bars.assign(**{name: 10_000 / bars[other] for name, other in prices.items()})


def test_mirrored_rows_are_those_of_inverted_prices():
    bars = market(1, 12_000)
    leaders = {symbol: market(seed, 12_000) for seed, symbol in enumerate(LEADERS, start=2)}
    seen = compute_features(bars, NAMES, leaders).iloc[10_081:]
    mirrored_market = {symbol: inverted(frame) for symbol, frame in leaders.items()}
    expected = compute_features(inverted(bars), NAMES, mirrored_market).iloc[10_081:].to_numpy()
    got = mirror_of(NAMES).apply(seen.to_numpy(np.float32))
    apart = np.abs(got - expected).max(axis=0) / np.abs(expected).max(axis=0)
    assert dict(zip(NAMES, apart, strict=True)) == {
        name: pytest.approx(0, abs=0.08) for name in NAMES
    }


def test_mirroring_twice_gives_the_row_back():
    rows = np.random.default_rng(0).normal(size=(5, len(NAMES))).astype(np.float32)
    mirror = mirror_of(NAMES)
    assert mirror.apply(mirror.apply(rows)) == pytest.approx(rows, abs=1e-4)


def test_a_feature_without_a_mirror_is_refused_by_name():
    with pytest.raises(SchemaMismatchError, match=r"ema_9_distance|macd"):
        mirror_of(feature_names("indicators", trade_counts=False))
