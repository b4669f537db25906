"""Trend: where the price stands to its averages, and how directed its moves are."""

import pandas as pd

from signal_server.features.feature import Feature, Group
from signal_server.features.indicators import Indicators, ema_warmup_bars, wilder_warmup_bars

_MACD_WARMUP = ema_warmup_bars(26) + ema_warmup_bars(9)
_ADX_WARMUP = 2 * wilder_warmup_bars(14)
_RANGE = ("high", "low", "close")


def _distance(length: int) -> Feature:
    return Feature(
        f"ema_{length}_distance",
        Group.TREND,
        f"close over its {length}-bar EMA, minus 1",
        ("close",),
        ema_warmup_bars(length),
        lambda of: of.close / of.ema(length) - 1,
    )


def _slope(length: int) -> Feature:
    return Feature(
        f"ema_{length}_slope",
        Group.TREND,
        f"change of the {length}-bar EMA over 3 bars",
        ("close",),
        ema_warmup_bars(length) + 3,
        lambda of: of.ema(length) / of.ema(length).shift(3) - 1,
    )


def _cross(fast: int, slow: int) -> Feature:
    return Feature(
        f"ema_{fast}_{slow}_cross",
        Group.TREND,
        f"{fast}-bar EMA over the {slow}-bar EMA, minus 1",
        ("close",),
        ema_warmup_bars(slow),
        lambda of: of.ema(fast) / of.ema(slow) - 1,
    )


def _macd(name: str, column: str, meaning: str) -> Feature:
    def compute(of: Indicators) -> pd.Series:
        return of.macd()[column] / of.close

    return Feature(name, Group.TREND, meaning, ("close",), _MACD_WARMUP, compute)


def _directional(name: str, column: str, meaning: str) -> Feature:
    def compute(of: Indicators) -> pd.Series:
        return of.adx()[column]

    return Feature(name, Group.TREND, meaning, _RANGE, _ADX_WARMUP, compute)


TREND = (
    _distance(9),
    _distance(21),
    _distance(50),
    _cross(9, 21),
    _cross(21, 50),
    _slope(9),
    _slope(21),
    _slope(50),
    _macd("macd", "line", "MACD line 12/26 as a share of the close"),
    _macd("macd_signal", "signal", "9-bar EMA of the MACD line, as a share of the close"),
    _macd("macd_histogram", "histogram", "MACD line minus its signal, as a share of the close"),
    _directional("adx_14", "adx", "strength of the trend, 0 to 100, whatever its direction"),
    _directional("plus_di_14", "plus", "upward directional movement, 0 to 100"),
    _directional("minus_di_14", "minus", "downward directional movement, 0 to 100"),
)
