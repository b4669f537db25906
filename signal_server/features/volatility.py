"""Volatility: how much the price moves, whichever way."""

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.warmup import wilder_warmup_bars
from signal_server.features.windows import Array, ratio

_RANGE = ("high", "low", "close")
_BOLLINGER = "Bollinger's bands 20/2, of the population's deviation"
_WILDER = "Wilder (1978)"


def _atr(length: int) -> None:
    @feature(
        Group.VOLATILITY,
        _RANGE,
        wilder_warmup_bars(length),
        unit=Unit.SHARE,
        source=_WILDER,
        name=f"atr_{length}",
        meaning=f"average true range over {length} bars as a share of the close",
    )
    def _(of: Indicators) -> Array:
        return of.atr(length) / of.close


def volatility_level(length: int, group: Group) -> None:
    """Add the feature: the volatility of one-bar returns itself."""

    @feature(
        group,
        ("close",),
        length + 1,
        unit=Unit.PER_BAR,
        mirror=Mirror.SAME,
        name=f"volatility_{length}",
        meaning=f"standard deviation of one-bar log returns over {length} bars",
    )
    def _(of: Indicators) -> Array:
        return of.volatility(length)


def volatility_ratio(fast: int, slow: int, group: Group) -> None:
    """Add the feature: recent volatility against that of a longer window."""

    @feature(
        group,
        ("close",),
        slow + 1,
        unit=Unit.RATIO,
        mirror=Mirror.SAME,
        name=f"volatility_ratio_{fast}_{slow}",
        meaning=f"volatility over {fast} bars against {slow} bars; 1 when nothing moved",
    )
    def _(of: Indicators) -> Array:
        return ratio(of.volatility(fast), of.volatility(slow), 1.0)


@feature(Group.VOLATILITY, ("close",), 20, unit=Unit.SHARE, source=_BOLLINGER)
def bollinger_percent(of: Indicators) -> Array:
    """Close within the Bollinger bands 20/2: 0 lower, 1 upper; 0.5 when they have no width."""
    deviation = of.bollinger_deviation()
    return ratio(of.close - of.sma("close", 20) + 2 * deviation, 4 * deviation, 0.5)


@feature(Group.VOLATILITY, ("close",), 20, unit=Unit.SHARE, source=_BOLLINGER)
def bollinger_width(of: Indicators) -> Array:
    """Width of the Bollinger bands 20/2 as a share of their middle."""
    return 4 * of.bollinger_deviation() / of.sma("close", 20)


_atr(7)
_atr(14)


@feature(Group.VOLATILITY, _RANGE, wilder_warmup_bars(14), unit=Unit.RATIO, source=_WILDER)
def atr_ratio(of: Indicators) -> Array:
    """Average true range over 7 bars against 14 bars; 1 when nothing moved."""
    return of.atr(7) / of.atr(14)


@feature(Group.VOLATILITY, _RANGE, 2, unit=Unit.SHARE, source=_WILDER)
def true_range(of: Indicators) -> Array:
    """Wilder's true range of the bar as a share of the close."""
    return of.true_range / of.close


for _length in (10, 30, 60):
    volatility_level(_length, Group.VOLATILITY)
volatility_ratio(10, 60, Group.VOLATILITY)
