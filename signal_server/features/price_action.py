"""Price action: the shape of the newest bar and its place among its neighbours."""

import numpy as np

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array, ratio

_OHLC = ("open", "high", "low", "close")
_RANGE = ("high", "low", "close")


def range_position(length: int, group: Group) -> None:
    """Add the feature: the close within the high-low range of `length` bars."""

    @feature(
        group,
        _RANGE,
        length,
        unit=Unit.SHARE,
        mirror=Mirror.OF_SHARE,
        name=f"range_position_{length}",
        meaning=f"close within the range of {length} bars: 0 lowest, 1 highest; "
        "0.5 without a range",
    )
    def _(of: Indicators) -> Array:
        return of.range_position(length)


@feature(Group.PRICE_ACTION, _OHLC, 1, unit=Unit.SHARE)
def body_ratio(of: Indicators) -> Array:
    """Close minus open as a share of the bar's range, -1 to 1; 0 without a range."""
    return ratio(of.close - of.open, of.spread, 0.0)


@feature(Group.PRICE_ACTION, _OHLC, 1, unit=Unit.SHARE)
def upper_wick_ratio(of: Indicators) -> Array:
    """Upper wick as a share of the bar's range; 0 without a range."""
    return ratio(of.high - np.maximum(of.open, of.close), of.spread, 0.0)


@feature(Group.PRICE_ACTION, _OHLC, 1, unit=Unit.SHARE)
def lower_wick_ratio(of: Indicators) -> Array:
    """Lower wick as a share of the bar's range; 0 without a range."""
    return ratio(np.minimum(of.open, of.close) - of.low, of.spread, 0.0)


@feature(Group.PRICE_ACTION, _RANGE, 1, unit=Unit.SHARE)
def close_position(of: Indicators) -> Array:
    """Close within the bar: 0 low, 1 high; 0.5 without a range."""
    return ratio(of.close - of.low, of.spread, 0.5)


@feature(Group.PRICE_ACTION, ("open", "close"), 2, unit=Unit.SHARE)
def gap(of: Indicators) -> Array:
    """Open over the close before, minus 1."""
    return of.open / of.before("close", 1) - 1


@feature(Group.PRICE_ACTION, ("high", "low"), 20, unit=Unit.RATIO)
def spread_ratio_20(of: Indicators) -> Array:
    """Range of the bar against its mean over 20 bars; 1 when nothing moved."""
    return ratio(of.spread, of.sma("spread", 20), 1.0)


range_position(20, Group.PRICE_ACTION)
