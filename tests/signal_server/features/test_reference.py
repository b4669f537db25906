"""The fast path gives what pandas-ta gives, on real bars of a large and of a tiny price."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pandas_ta as ta
import pytest

from signal_server.features.catalogue import compute_features
from tests.signal_server.features.bars import real_bars

COMPARED = 5_000
REFERENCE: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "ema_9_distance": lambda b: b.close / ta.ema(b.close, 9) - 1,
    "ema_21_50_cross": lambda b: ta.ema(b.close, 21) / ta.ema(b.close, 50) - 1,
    "ema_50_slope": lambda b: ta.ema(b.close, 50).pct_change(3),
    "macd": lambda b: ta.macd(b.close).iloc[:, 0] / b.close,
    "macd_histogram": lambda b: ta.macd(b.close).iloc[:, 1] / b.close,
    "macd_signal": lambda b: ta.macd(b.close).iloc[:, 2] / b.close,
    "rsi_7": lambda b: ta.rsi(b.close, 7),
    "rsi_14": lambda b: ta.rsi(b.close, 14, talib=False),
    "rsi_21": lambda b: ta.rsi(b.close, 21),
    "stochastic_k": lambda b: ta.stoch(b.high, b.low, b.close, 14, 3, 3).iloc[:, 0],
    "stochastic_d": lambda b: ta.stoch(b.high, b.low, b.close, 14, 3, 3).iloc[:, 1],
    "roc_10": lambda b: ta.roc(b.close, 10),
    "bollinger_percent": lambda b: (
        ta.bbands(b.close, 20, 2, 2, ddof=0).filter(like="BBP").iloc[:, 0]
    ),
    "bollinger_width": lambda b: (
        ta.bbands(b.close, 20, 2, 2, ddof=0).filter(like="BBB").iloc[:, 0] / 100
    ),
    "atr_7": lambda b: ta.atr(b.high, b.low, b.close, 7) / b.close,
    "atr_14": lambda b: ta.atr(b.high, b.low, b.close, 14, talib=False) / b.close,
    "true_range": lambda b: ta.true_range(b.high, b.low, b.close) / b.close,
    "volatility_30": lambda b: ta.stdev(ta.log_return(b.close), 30, ddof=1, talib=False),
    "volatility_1440": lambda b: ta.stdev(ta.log_return(b.close), 1440, ddof=1, talib=False),
    "volume_ratio_20": lambda b: b.volume / ta.sma(b.volume, 20),
    "volume_trend": lambda b: ta.sma(b.volume, 5) / ta.sma(b.volume, 20),
    "volume_z_20": lambda b: (
        (b.volume - ta.sma(b.volume, 20)) / ta.stdev(b.volume, 20, ddof=1, talib=False)
    ),
    "scaled_distance_240": lambda b: (
        (b.close / ta.sma(b.close, 240) - 1)
        / (ta.stdev(ta.log_return(b.close), 240, ddof=1, talib=False) * 240**0.5)
    ),
    "range_position_1440": lambda b: (
        (b.close - b.low.rolling(1440).min())
        / (b.high.rolling(1440).max() - b.low.rolling(1440).min())
    ),
}


@pytest.fixture(scope="module", params=["BTCUSDT.parquet", "PEPEUSDT.parquet"])
def bars(request: pytest.FixtureRequest) -> pd.DataFrame:
    return real_bars(request.param).loc["2024-02-20":"2024-03-10"]


@pytest.mark.parametrize("name", REFERENCE)
def test_a_feature_is_that_of_pandas_ta(name: str, bars: pd.DataFrame) -> None:
    found = compute_features(bars, [name])[name].to_numpy()[-COMPARED:]
    # pandas-ta has no floor under averages of moves: ours, 1e-9 of the price, shows in calm hours.
    scale = float(np.nanstd(found))
    expected = REFERENCE[name](bars).to_numpy()[-COMPARED:]
    assert np.isfinite(found).all()
    known = np.isfinite(expected)
    assert known.mean() > 0.99
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-5, atol=1e-4 * scale)


def test_directional_movement_is_that_of_pandas_ta_where_no_moves_tie(bars: pd.DataFrame) -> None:
    expected = ta.adx(bars.high, bars.low, bars.close, 14, talib=False).iloc[:, [0, 2, 3]]
    found = compute_features(bars, ["adx_14", "plus_di_14", "minus_di_14"])
    for one, other in zip(found.columns, expected.columns, strict=True):
        related = np.corrcoef(found[one].tail(COMPARED), expected[other].tail(COMPARED))[0, 1]
        assert related > 0.99
