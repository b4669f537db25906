"""The surroundings of the newest bar over up to seven days, in units that all coins share."""

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.price_action import range_position
from signal_server.features.scaled import (
    VOLATILITY_BARS,
    scaled,
    scaled_distance,
    scaled_return,
)
from signal_server.features.volatility import volatility_level, volatility_ratio
from signal_server.features.volume import signed_volume, vwap_deviation
from signal_server.features.windows import Array, ratio

CUTLER = "Cutler's RSI: sums in place of Wilder's averages, so that it forgets"


def _busyness(fast: int, slow: int) -> None:
    @feature(
        Group.SLOW,
        ("volume",),
        slow,
        unit=Unit.RATIO,
        mirror=Mirror.SAME,
        name=f"volume_ratio_{fast}_{slow}",
        meaning=f"mean volume of {fast} bars against {slow} bars; 1 when there was none",
    )
    def _(of: Indicators) -> Array:
        return ratio(of.sma("volume", fast), of.sma("volume", slow), 1.0)


def _rising_share(length: int) -> None:
    @feature(
        Group.SLOW,
        ("close",),
        length + 1,
        unit=Unit.PERCENT,
        source=CUTLER,
        mirror=Mirror.OF_PERCENT,
        name=f"rsi_simple_{length}",
        meaning=f"rises over {length} bars as a share of all moves, 0 to 100; 50 if nothing moved",
    )
    def _(of: Indicators) -> Array:
        return of.rising_share(length)


def _efficiency(length: int) -> None:
    @feature(
        Group.SLOW,
        ("close",),
        length + 1,
        unit=Unit.SHARE,
        source="Kaufman's efficiency ratio, with its sign",
        mirror=Mirror.NEGATED,
        name=f"efficiency_{length}",
        meaning=f"change over {length} bars as a share of the way travelled, -1 to 1",
    )
    def _(of: Indicators) -> Array:
        travelled = of.total("distance", length)
        return ratio(2 * of.total("gain", length) - travelled, travelled, 0.0)


def _vwap_distance(length: int) -> None:
    @feature(
        Group.SLOW,
        ("close", "volume"),
        max(length, VOLATILITY_BARS) + 1,
        unit=Unit.DEVIATIONS,
        mirror=Mirror.NEGATED,
        name=f"scaled_vwap_distance_{length}",
        meaning=f"distance from the volume-weighted mean of {length} closes in standard "
        "deviations of such a move; 0 if nothing moved",
    )
    def _(of: Indicators) -> Array:
        return scaled(of, vwap_deviation(of, length), length)


for _length in (3, 10, 2880, 4320):
    scaled_return(_length, Group.SLOW)
for _length in (60, 4320, 10080):
    scaled_distance(_length, Group.SLOW)
volatility_ratio(15, 60, Group.SLOW)
volatility_ratio(60, 1440, Group.SLOW)
volatility_ratio(1440, 10080, Group.SLOW)
volatility_level(240, Group.SLOW)
volatility_level(1440, Group.SLOW)
range_position(4320, Group.SLOW)
range_position(10080, Group.SLOW)
_busyness(5, 60)
_busyness(15, 240)
_busyness(60, 1440)
_busyness(1440, 10080)
for _length in (5, 15, 240, 1440):
    signed_volume(_length, Group.SLOW)
# Two families, each over an hour, four hours and a day.
for _length in (60, 240, 1440):
    _rising_share(_length)
for _length in (60, 240, 1440):
    _efficiency(_length)
_vwap_distance(240)
_vwap_distance(1440)
