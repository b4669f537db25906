"""Trend: where the price stands to its averages, and how directed its moves are."""

from signal_server.features.feature import Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.warmup import ema_warmup_bars, wilder_warmup_bars
from signal_server.features.windows import Array

_MACD_WARMUP = ema_warmup_bars(26) + ema_warmup_bars(9)
_RANGE = ("high", "low", "close")
_APPEL = "Appel (1979)"
_WILDER = "Wilder (1978)"


def _distance(length: int) -> None:
    @feature(
        Group.TREND,
        ("close",),
        ema_warmup_bars(length),
        unit=Unit.SHARE,
        name=f"ema_{length}_distance",
        meaning=f"close over its {length}-bar EMA, minus 1",
    )
    def _(of: Indicators) -> Array:
        return of.close / of.ema(length) - 1


def _cross(fast: int, slow: int) -> None:
    @feature(
        Group.TREND,
        ("close",),
        ema_warmup_bars(slow),
        unit=Unit.SHARE,
        name=f"ema_{fast}_{slow}_cross",
        meaning=f"{fast}-bar EMA over the {slow}-bar EMA, minus 1",
    )
    def _(of: Indicators) -> Array:
        return of.ema(fast) / of.ema(slow) - 1


def _slope(length: int) -> None:
    @feature(
        Group.TREND,
        ("close",),
        ema_warmup_bars(length) + 3,
        unit=Unit.SHARE,
        name=f"ema_{length}_slope",
        meaning=f"change of the {length}-bar EMA over 3 bars",
    )
    def _(of: Indicators) -> Array:
        average = of.define(f"ema_{length}", lambda of: of.ema(length))
        return of.ema(length) / of.before(average, 3) - 1


for _length in (9, 21, 50):
    _distance(_length)
_cross(9, 21)
_cross(21, 50)
for _length in (9, 21, 50):
    _slope(_length)


@feature(Group.TREND, ("close",), _MACD_WARMUP, unit=Unit.SHARE, source=_APPEL)
def macd(of: Indicators) -> Array:
    """MACD line 12/26 as a share of the close."""
    return of.macd_line / of.close


@feature(Group.TREND, ("close",), _MACD_WARMUP, unit=Unit.SHARE, source=_APPEL)
def macd_signal(of: Indicators) -> Array:
    """9-bar EMA of the MACD line, as a share of the close."""
    return of.macd_signal() / of.close


@feature(Group.TREND, ("close",), _MACD_WARMUP, unit=Unit.SHARE, source=_APPEL)
def macd_histogram(of: Indicators) -> Array:
    """MACD line minus its signal, as a share of the close."""
    return (of.macd_line - of.macd_signal()) / of.close


@feature(Group.TREND, _RANGE, wilder_warmup_bars(14, twice=True), unit=Unit.PERCENT, source=_WILDER)
def adx_14(of: Indicators) -> Array:
    """Strength of the trend, 0 to 100, whatever its direction."""
    return of.adx()


@feature(Group.TREND, _RANGE, wilder_warmup_bars(14), unit=Unit.PERCENT, source=_WILDER)
def plus_di_14(of: Indicators) -> Array:
    """Upward directional movement, 0 to 100."""
    return of.directional_index(1)


@feature(Group.TREND, _RANGE, wilder_warmup_bars(14), unit=Unit.PERCENT, source=_WILDER)
def minus_di_14(of: Indicators) -> Array:
    """Downward directional movement, 0 to 100."""
    return of.directional_index(-1)
