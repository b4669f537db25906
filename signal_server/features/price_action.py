"""Price action: the shape of the newest bar and its place among its neighbours."""

import numpy as np

from signal_server.features.feature import Feature, Group
from signal_server.features.windows import ratio

_OHLC = ("open", "high", "low", "close")
_RANGE = ("high", "low", "close")


def range_position(length: int, group: Group) -> Feature:
    """Return the feature: the close within the high-low range of `length` bars."""
    return Feature(
        f"range_position_{length}",
        group,
        f"close within the range of {length} bars: 0 lowest, 1 highest; 0.5 without a range",
        _RANGE,
        length,
        lambda of: of.range_position(length),
    )


PRICE_ACTION = (
    Feature(
        "body_ratio",
        Group.PRICE_ACTION,
        "close minus open as a share of the bar's range, -1 to 1; 0 without a range",
        _OHLC,
        1,
        lambda of: ratio(of.close - of.open, of.spread, 0.0),
    ),
    Feature(
        "upper_wick_ratio",
        Group.PRICE_ACTION,
        "upper wick as a share of the bar's range; 0 without a range",
        _OHLC,
        1,
        lambda of: ratio(of.high - np.maximum(of.open, of.close), of.spread, 0.0),
    ),
    Feature(
        "lower_wick_ratio",
        Group.PRICE_ACTION,
        "lower wick as a share of the bar's range; 0 without a range",
        _OHLC,
        1,
        lambda of: ratio(np.minimum(of.open, of.close) - of.low, of.spread, 0.0),
    ),
    Feature(
        "close_position",
        Group.PRICE_ACTION,
        "close within the bar: 0 low, 1 high; 0.5 without a range",
        _RANGE,
        1,
        lambda of: ratio(of.close - of.low, of.spread, 0.5),
    ),
    Feature(
        "gap",
        Group.PRICE_ACTION,
        "open over the close before, minus 1",
        ("open", "close"),
        2,
        lambda of: of.open / of.before("close", 1) - 1,
    ),
    Feature(
        "spread_ratio_20",
        Group.PRICE_ACTION,
        "the bar's range against its mean over 20 bars; 1 when nothing moved",
        ("high", "low"),
        20,
        lambda of: ratio(of.spread, of.sma("spread", 20), 1.0),
    ),
    range_position(20, Group.PRICE_ACTION),
)
