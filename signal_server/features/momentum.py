"""Momentum: how fast and how far the price has moved."""

from signal_server.features.feature import Feature, Group
from signal_server.features.warmup import wilder_warmup_bars

_STOCHASTIC_WARMUP = 14 + 2 + 2
_RANGE = ("high", "low", "close")


def _rsi(length: int) -> Feature:
    return Feature(
        f"rsi_{length}",
        Group.MOMENTUM,
        f"relative strength index over {length} bars, 0 to 100; 50 where nothing moves",
        ("close",),
        wilder_warmup_bars(length),
        lambda of: of.rsi(length),
    )


def _roc(length: int) -> Feature:
    return Feature(
        f"roc_{length}",
        Group.MOMENTUM,
        f"rate of change over {length} bars, in per cent",
        ("close",),
        length + 1,
        lambda of: of.roc(length),
    )


MOMENTUM = (
    _rsi(7),
    _rsi(14),
    _rsi(21),
    Feature(
        "stochastic_k",
        Group.MOMENTUM,
        "close within the range of 14 bars, smoothed over 3, 0 to 100; 50 without a range",
        _RANGE,
        _STOCHASTIC_WARMUP,
        lambda of: of.stochastic(1),
    ),
    Feature(
        "stochastic_d",
        Group.MOMENTUM,
        "3-bar mean of stochastic_k",
        _RANGE,
        _STOCHASTIC_WARMUP,
        lambda of: of.stochastic(2),
    ),
    Feature(
        "stochastic_spread",
        Group.MOMENTUM,
        "stochastic_k minus stochastic_d",
        _RANGE,
        _STOCHASTIC_WARMUP,
        lambda of: of.stochastic(1) - of.stochastic(2),
    ),
    _roc(1),
    _roc(5),
    _roc(10),
    _roc(20),
)
