"""Features over a year of minutes, and the newest rows of a hundred symbols."""

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median

import numpy as np
import pandas as pd
import talib
from talib import stream

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.features.catalogue import (
    FeatureSet,
    compute_features,
    feature_names,
    leaders_of,
    warmup_bars,
)
from signal_server.features.live import LiveFeatures

BARS = 525_600
SYMBOLS = 100
STEPS = 60
REPETITIONS = 7
_FLOOR = "raw TA-Lib, the 18 indicators under the same 52 features"
_STREAM = "talib.stream handles of the 18 indicators, one update each"
_OPENING = "the same handles, opened on as many bars"


def measure() -> list[Result]:
    """Return the batch and the live figures."""
    bars, data = minute_bars(BARS)
    batch = _batch(bars, data)
    live = [result for which in ("indicators", "pooled") for result in _live(bars, which)]
    return [batch, *live]


def _batch(bars: pd.DataFrame, data: str) -> Result:
    names = feature_names("indicators", trade_counts=True)
    ours, floor = interleaved_ms(
        lambda: compute_features(bars, names), lambda: _raw(bars), REPETITIONS
    )
    return Result("52_features_batch", round(ours, 1), "ms", round(floor, 1), _FLOOR, data)


def _live(bars: pd.DataFrame, which: FeatureSet) -> list[Result]:
    """Measure stretches of one history as if they were so many symbols."""
    names = feature_names(which, trade_counts=which == "indicators")
    length = warmup_bars(names)
    symbols = [*leaders_of(names), *(f"S{number}-USD" for number in range(SYMBOLS))][:SYMBOLS]
    frames = _stretches(bars, symbols, length + STEPS)
    history = {symbol: frame.iloc[:length] for symbol, frame in frames.items()}
    handles = [_handles(frame) for frame in history.values()]

    def begin() -> LiveFeatures:
        live = LiveFeatures(names, symbols, 60)
        live.open(history)
        live.rows(symbols)
        return live

    ours, floor = interleaved_ms(
        begin, lambda: [_handles(frame) for frame in history.values()], REPETITIONS
    )
    steps = [_bars_at(frames, length + step) for step in range(STEPS)]
    step, step_floor = _step_ms(begin(), symbols, steps, handles)
    what = f"{len(names)} features, {SYMBOLS} symbols, {length:,} bars of history each"
    return [
        Result(f"open_{which}", round(ours, 1), "ms", round(floor, 1), _OPENING, what),
        Result(f"minute_{which}", round(step, 2), "ms", round(step_floor, 2), _STREAM, what),
    ]


def _stretches(bars: pd.DataFrame, symbols: Sequence[str], length: int) -> dict[str, pd.DataFrame]:
    starts = np.linspace(0, len(bars) - length, len(symbols)).astype(int)
    index = bars.index[-length:]
    return {
        symbol: bars.iloc[start : start + length].set_axis(index)
        for symbol, start in zip(symbols, starts, strict=True)
    }


def _bars_at(frames: dict[str, pd.DataFrame], row: int) -> list[Bar]:
    close = next(iter(frames.values())).index[row].to_pydatetime()
    return [
        Bar(symbol, close, *frame[list(BAR_COLUMNS)].iloc[row].tolist())
        for symbol, frame in frames.items()
    ]


def _step_ms(
    live: LiveFeatures,
    symbols: Sequence[str],
    steps: Iterable[Sequence[Bar]],
    handles: Sequence["Handles"],
) -> tuple[float, float]:
    """Return the median milliseconds of a minute: all bars in, all rows out; and of the floor."""
    taken: tuple[list[float], list[float]] = ([], [])
    for bars in steps:
        start = time.perf_counter()
        live.append(bars)
        live.rows(symbols)
        between = time.perf_counter()
        for bar, updates in zip(bars, handles, strict=True):
            for update in updates:
                update(bar)
        end = time.perf_counter()
        taken[0].append((between - start) * 1000)
        taken[1].append((end - between) * 1000)
    return median(taken[0]), median(taken[1])


Handles = list[Callable[[Bar], object]]


def _handles(frame: pd.DataFrame) -> Handles:
    """Open the streams of the 18 indicators over a history."""
    high, low, close, volume = (frame[n].to_numpy() for n in ("high", "low", "close", "volume"))
    of_close = [
        *(stream.EMA(close, length) for length in (9, 21, 50)),
        *(stream.RSI(close, length) for length in (7, 14, 21)),
        *(stream.ROC(close, length) for length in (1, 5, 10, 20)),
        stream.MACD(close),
        stream.BBANDS(close, 20),
    ]
    of_range = [
        *(stream.ATR(high, low, close, length) for length in (7, 14)),
        stream.ADX(high, low, close, 14),
        stream.STOCH(high, low, close, 14, 3, 0, 3, 0),
    ]
    of_volume = [stream.SMA(volume, length) for length in (5, 20)]
    return [
        *(lambda bar, one=one: one.update(bar.close) for one in of_close),
        *(lambda bar, one=one: one.update(bar.high, bar.low, bar.close) for one in of_range),
        *(lambda bar, one=one: one.update(bar.volume) for one in of_volume),
    ]


def _raw(bars: pd.DataFrame) -> None:
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
    talib.STOCH(high, low, close, 14, 3, 0, 3, 0)
    talib.BBANDS(close, 20)
    for length in (5, 20):
        talib.SMA(bars["volume"].to_numpy(), length)
