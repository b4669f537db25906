"""The indicators are the textbook's: they agree with TA-Lib wherever the market moves."""

import numpy as np
import pandas as pd
import pytest
import talib

from signal_server.features.catalogue import compute_features
from tests.signal_server.features.bars import random_bars, still_between

BARS = random_bars(2_000)
OPEN, HIGH, LOW, CLOSE, VOLUME = (
    BARS[name].to_numpy() for name in ("open", "high", "low", "close", "volume")
)
LINE, SIGNAL, HISTOGRAM = talib.MACD(CLOSE)
# MA type 0 is the simple mean.
STOCHASTIC_K, STOCHASTIC_D = talib.STOCH(HIGH, LOW, CLOSE, 14, 3, 0, 3, 0)
UPPER, MIDDLE, LOWER = talib.BBANDS(CLOSE, 20, 2, 2)

REFERENCE = {
    "ema_9_distance": CLOSE / talib.EMA(CLOSE, 9) - 1,
    "ema_21_50_cross": talib.EMA(CLOSE, 21) / talib.EMA(CLOSE, 50) - 1,
    "macd": LINE / CLOSE,
    "macd_signal": SIGNAL / CLOSE,
    "macd_histogram": HISTOGRAM / CLOSE,
    "adx_14": talib.ADX(HIGH, LOW, CLOSE, 14),
    "plus_di_14": talib.PLUS_DI(HIGH, LOW, CLOSE, 14),
    "minus_di_14": talib.MINUS_DI(HIGH, LOW, CLOSE, 14),
    "rsi_7": talib.RSI(CLOSE, 7),
    "rsi_14": talib.RSI(CLOSE, 14),
    "rsi_21": talib.RSI(CLOSE, 21),
    "stochastic_k": STOCHASTIC_K,
    "stochastic_d": STOCHASTIC_D,
    "roc_10": talib.ROC(CLOSE, 10),
    "bollinger_percent": (CLOSE - LOWER) / (UPPER - LOWER),
    "bollinger_width": (UPPER - LOWER) / MIDDLE,
    "atr_14": talib.ATR(HIGH, LOW, CLOSE, 14) / CLOSE,
    "true_range": talib.TRANGE(HIGH, LOW, CLOSE) / CLOSE,
    "sma_20_distance": CLOSE / talib.SMA(CLOSE, 20) - 1,
    "volume_ratio_20": VOLUME / talib.SMA(VOLUME, 20),
    "range_position_20": (CLOSE - talib.MIN(LOW, 20)) / (talib.MAX(HIGH, 20) - talib.MIN(LOW, 20)),
}


@pytest.mark.parametrize("name", REFERENCE)
def test_an_indicator_agrees_with_talib(name: str) -> None:
    found = compute_features(BARS, [name])[name].to_numpy()[-1_000:]
    # The floor under averages of moves, 1e-9 of the price, is 1e-6 of these moves.
    np.testing.assert_allclose(found, REFERENCE[name][-1_000:], rtol=2e-5, atol=1e-8)


def test_a_window_of_volume_is_weighed_by_the_volume_of_each_bar() -> None:
    vwap = (CLOSE * VOLUME)[-20:].sum() / VOLUME[-20:].sum()
    found = compute_features(BARS, ["vwap_deviation_20"]).iloc[-1, 0]
    assert found == pytest.approx(CLOSE[-1] / vwap - 1, abs=1e-12)


def test_the_parts_of_a_bar_make_the_whole() -> None:
    parts = compute_features(BARS, ["body_ratio", "upper_wick_ratio", "lower_wick_ratio"])
    whole = parts["body_ratio"].abs() + parts["upper_wick_ratio"] + parts["lower_wick_ratio"]
    np.testing.assert_allclose(whole, 1.0, rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "neutral"),
    [
        ("rsi_14", 50.0),
        ("stochastic_k", 50.0),
        ("bollinger_percent", 0.5),
        ("atr_ratio", 1.0),
        ("adx_14", 0.0),
        ("plus_di_14", 0.0),
        ("volatility_10", 0.0),
        ("volatility_ratio_10_60", 1.0),
        ("scaled_return_240", 0.0),
        ("volume_ratio_20", 1.0),
        ("vwap_deviation_20", 0.0),
    ],
)
def test_a_market_that_came_to_rest_is_neutral(name: str, neutral: float) -> None:
    at_rest = still_between(BARS, 900, 1_999)
    found = compute_features(at_rest.iloc[:1_999], [name])[name].iloc[-1]
    assert found == pytest.approx(neutral, abs=1e-6)


def test_a_price_with_many_digits_at_rest_has_no_band() -> None:
    at_rest = pd.DataFrame(dict.fromkeys(BARS, 43_210.37), index=BARS.index)
    found = compute_features(at_rest, ["bollinger_width", "bollinger_percent", "volume_z_20"])
    assert found.iloc[-1].tolist() == [0.0, 0.5, 0.0]
