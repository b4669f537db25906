"""Trend: where the price stands to its averages, and how directed its moves are."""

from signal_server.features.feature import Compute, Feature, Group
from signal_server.features.indicators import Indicators
from signal_server.features.warmup import ema_warmup_bars, wilder_warmup_bars
from signal_server.features.windows import Array

_MACD_WARMUP = ema_warmup_bars(26) + ema_warmup_bars(9)
_ADX_WARMUP = wilder_warmup_bars(14, twice=True)
_RANGE = ("high", "low", "close")


def _ema(of: Indicators, length: int) -> str:
    return of.define(f"ema_{length}", lambda of: of.ema(length))


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
        lambda of: of.ema(length) / of.before(_ema(of, length), 3) - 1,
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


def _macd(name: str, compute: Compute, meaning: str) -> Feature:
    return Feature(name, Group.TREND, meaning, ("close",), _MACD_WARMUP, compute)


def _directional_index(name: str, sign: int, meaning: str) -> Feature:
    def compute(of: Indicators) -> Array:
        return of.directional_index(sign)

    return Feature(name, Group.TREND, meaning, _RANGE, wilder_warmup_bars(14), compute)


TREND = (
    _distance(9),
    _distance(21),
    _distance(50),
    _cross(9, 21),
    _cross(21, 50),
    _slope(9),
    _slope(21),
    _slope(50),
    _macd("macd", lambda of: of.macd_line / of.close, "MACD line 12/26 as a share of the close"),
    _macd(
        "macd_signal",
        lambda of: of.macd_signal() / of.close,
        "9-bar EMA of the MACD line, as a share of the close",
    ),
    _macd(
        "macd_histogram",
        lambda of: (of.macd_line - of.macd_signal()) / of.close,
        "MACD line minus its signal, as a share of the close",
    ),
    Feature(
        "adx_14",
        Group.TREND,
        "strength of the trend, 0 to 100, whatever its direction",
        _RANGE,
        _ADX_WARMUP,
        lambda of: of.adx(),
    ),
    _directional_index("plus_di_14", 1, "upward directional movement, 0 to 100"),
    _directional_index("minus_di_14", -1, "downward directional movement, 0 to 100"),
)
