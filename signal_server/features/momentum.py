"""Momentum: how fast and how far the price has moved."""

from signal_server.features.feature import Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.warmup import wilder_warmup_bars
from signal_server.features.windows import Array

_STOCHASTIC_WARMUP = 14 + 2 + 2
_RANGE = ("high", "low", "close")
_LANE = "Lane's slow stochastic 14/3/3"


def _rsi(length: int) -> None:
    @feature(
        Group.MOMENTUM,
        ("close",),
        wilder_warmup_bars(length),
        unit=Unit.PERCENT,
        source="Wilder (1978)",
        name=f"rsi_{length}",
        meaning=f"relative strength index over {length} bars, 0 to 100; 50 where nothing moves",
    )
    def _(of: Indicators) -> Array:
        return of.rsi(length)


def _roc(length: int) -> None:
    @feature(
        Group.MOMENTUM,
        ("close",),
        length + 1,
        unit=Unit.PERCENT,
        name=f"roc_{length}",
        meaning=f"rate of change over {length} bars, in per cent",
    )
    def _(of: Indicators) -> Array:
        return of.roc(length)


for _length in (7, 14, 21):
    _rsi(_length)


@feature(Group.MOMENTUM, _RANGE, _STOCHASTIC_WARMUP, unit=Unit.PERCENT, source=_LANE)
def stochastic_k(of: Indicators) -> Array:
    """Close within the range of 14 bars, smoothed over 3, 0 to 100; 50 without a range."""
    return of.stochastic(1)


@feature(Group.MOMENTUM, _RANGE, _STOCHASTIC_WARMUP, unit=Unit.PERCENT, source=_LANE)
def stochastic_d(of: Indicators) -> Array:
    """3-bar mean of stochastic_k."""
    return of.stochastic(2)


@feature(Group.MOMENTUM, _RANGE, _STOCHASTIC_WARMUP, unit=Unit.PERCENT, source=_LANE)
def stochastic_spread(of: Indicators) -> Array:
    """stochastic_k minus stochastic_d."""
    return of.stochastic(1) - of.stochastic(2)


for _length in (1, 5, 10, 20):
    _roc(_length)
