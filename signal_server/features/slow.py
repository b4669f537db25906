"""The surroundings of the newest bar over up to seven days, in units that all coins share."""

import numpy as np

from signal_server.features.feature import Feature, Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.price_action import range_position
from signal_server.features.scaled import (
    VOLATILITY_BARS,
    scaled_distance,
    scaled_return,
    volatility_ratio,
)
from signal_server.features.volume import signed_volume
from signal_server.features.windows import Array, ratio

CUTLER = "Cutler's RSI: sums in place of Wilder's averages, so that it forgets"

_PRICE_AND_VOLUME = ("close", "volume")


def _level(length: int) -> Feature:
    @feature(
        Group.SLOW,
        ("close",),
        length + 1,
        unit=Unit.PER_BAR,
        name=f"volatility_{length}",
        meaning=f"standard deviation of one-bar log returns over {length} bars",
    )
    def compute(of: Indicators) -> Array:
        return of.volatility(length)

    return compute


def _busyness(fast: int, slow: int) -> Feature:
    @feature(
        Group.SLOW,
        ("volume",),
        slow,
        unit=Unit.RATIO,
        name=f"volume_ratio_{fast}_{slow}",
        meaning=f"mean volume of {fast} bars against {slow} bars; 1 when there was none",
    )
    def compute(of: Indicators) -> Array:
        return ratio(of.sma("volume", fast), of.sma("volume", slow), 1.0)

    return compute


def _rising_share(length: int) -> Feature:
    @feature(
        Group.SLOW,
        ("close",),
        length + 1,
        unit=Unit.PERCENT,
        source=CUTLER,
        name=f"rsi_simple_{length}",
        meaning=f"rises over {length} bars as a share of all moves, 0 to 100; 50 if nothing moved",
    )
    def compute(of: Indicators) -> Array:
        return of.rising_share(length)

    return compute


def _efficiency(length: int) -> Feature:
    @feature(
        Group.SLOW,
        ("close",),
        length + 1,
        unit=Unit.SHARE,
        source="Kaufman's efficiency ratio, with its sign",
        name=f"efficiency_{length}",
        meaning=f"change over {length} bars as a share of the way travelled, -1 to 1",
    )
    def compute(of: Indicators) -> Array:
        travelled = of.total("distance", length)
        return ratio(2 * of.total("gain", length) - travelled, travelled, 0.0)

    return compute


def _vwap_distance(length: int) -> Feature:
    @feature(
        Group.SLOW,
        _PRICE_AND_VOLUME,
        max(length, VOLATILITY_BARS) + 1,
        unit=Unit.DEVIATIONS,
        name=f"scaled_vwap_distance_{length}",
        meaning=f"distance from the volume-weighted mean of {length} closes in standard "
        "deviations of such a move; 0 if nothing moved",
    )
    def compute(of: Indicators) -> Array:
        priced = of.close * of.total("volume", length)
        away = ratio(priced, of.total("turnover", length), 1.0) - 1
        return ratio(away, of.volatility(VOLATILITY_BARS) * np.sqrt(length), 0.0)

    return compute


SLOW = (
    *(scaled_return(length, Group.SLOW) for length in (3, 10, 2880, 4320)),
    *(scaled_distance(length, Group.SLOW) for length in (60, 4320, 10080)),
    volatility_ratio(15, 60, Group.SLOW),
    volatility_ratio(60, 1440, Group.SLOW),
    volatility_ratio(1440, 10080, Group.SLOW),
    _level(240),
    _level(1440),
    range_position(4320, Group.SLOW),
    range_position(10080, Group.SLOW),
    _busyness(5, 60),
    _busyness(15, 240),
    _busyness(60, 1440),
    _busyness(1440, 10080),
    *(signed_volume(length, Group.SLOW) for length in (5, 15, 240, 1440)),
    *(_rising_share(length) for length in (60, 240, 1440)),
    _efficiency(60),
    _efficiency(240),
    _efficiency(1440),
    _vwap_distance(240),
    _vwap_distance(1440),
)
