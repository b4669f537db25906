"""The 52 indicators over many bars, and the newest row of one symbol."""

import pandas as pd
import pandas_ta as ta
import talib

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.features.catalogue import compute_features, feature_names, warmup_bars

BARS = 100_000


def measure() -> list[Result]:
    """Return the batch and the newest-row figures."""
    bars, data = minute_bars(BARS)
    return [_batch(bars, data), _newest(bars, data)]


def _batch(bars: pd.DataFrame, data: str) -> Result:
    names = feature_names("indicators", trade_counts=True)
    ours, other = interleaved_ms(lambda: compute_features(bars, names), lambda: _peer(bars), 5)
    peer = "pandas-ta, the 18 indicators under the same 52 features, default path"
    return Result("52_indicators", round(ours, 1), "ms", round(other, 1), peer, data)


def _newest(bars: pd.DataFrame, data: str) -> Result:
    names = feature_names("all", trade_counts=False)
    tail = bars.tail(warmup_bars(names))
    ours, other = interleaved_ms(lambda: compute_features(tail, names), lambda: _floor(tail), 40)
    what = f"{len(names)} features on a {len(tail):,}-bar tail; {data}"
    floor = "raw TA-Lib, 18 indicators on the same tail"
    return Result("newest_row_1_symbol", round(ours, 2), "ms", round(other, 3), floor, what)


def _peer(bars: pd.DataFrame) -> None:
    high, low, close = bars["high"], bars["low"], bars["close"]
    for length in (9, 21, 50):
        ta.ema(close, length)
    for length in (7, 14, 21):
        ta.rsi(close, length)
    for length in (1, 5, 10, 20):
        ta.roc(close, length)
    for length in (7, 14):
        ta.atr(high, low, close, length)
    ta.macd(close)
    ta.adx(high, low, close)
    ta.stoch(high, low, close)
    ta.bbands(close, 20)
    for length in (5, 20):
        ta.sma(bars["volume"], length)


def _floor(bars: pd.DataFrame) -> None:
    high, low, close = (bars[name].to_numpy() for name in ("high", "low", "close"))
    for length in (9, 21, 50):
        talib.EMA(close, length)
    for length in (7, 14, 21):
        talib.RSI(close, length)
    for length in (1, 5, 10, 20):
        talib.ROC(close, length)
    for length in (7, 14):
        talib.ATR(high, low, close, length)
    talib.MACD(close)
    talib.ADX(high, low, close)
    talib.STOCH(high, low, close)
    talib.BBANDS(close, 20)
    for length in (5, 20):
        talib.SMA(bars["volume"].to_numpy(), length)
