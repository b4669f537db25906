"""Moves in units of their own volatility, and the slower surroundings of the newest bar."""

import numpy as np

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.price_action import range_position
from signal_server.features.volatility import volatility_ratio
from signal_server.features.volume import signed_volume, volume_ratio
from signal_server.features.windows import Array, ratio

VOLATILITY_BARS = 240
"""Over how many bars the volatility is taken that moves are counted in."""


def scaled(of: Indicators, move: Array, length: int) -> Array:
    """Return the move over `length` bars in standard deviations of such a move; 0 if none moved.

    A random walk of one-bar returns of deviation s moves s times the square root of its length.
    """
    return ratio(move, of.volatility(VOLATILITY_BARS) * length**0.5, 0.0)


def scaled_return(length: int, group: Group) -> None:
    """Add the feature: the move over `length` bars in units of its own volatility."""

    @feature(
        group,
        ("close",),
        max(length, VOLATILITY_BARS) + 1,
        unit=Unit.DEVIATIONS,
        mirror=Mirror.NEGATED,
        name=f"scaled_return_{length}",
        meaning=f"log return over {length} bars in standard deviations of such a move; "
        "0 if none moved",
    )
    def _(of: Indicators) -> Array:
        return scaled(of, np.log(of.close / of.before("close", length)), length)


def scaled_distance(length: int, group: Group) -> None:
    """Add the feature: the distance from a mean in units of the price's own volatility."""

    @feature(
        group,
        ("close",),
        max(length, VOLATILITY_BARS) + 1,
        unit=Unit.DEVIATIONS,
        mirror=Mirror.NEGATED,
        name=f"scaled_distance_{length}",
        meaning=f"distance from the {length}-bar mean in standard deviations; 0 if nothing moved",
    )
    def _(of: Indicators) -> Array:
        return scaled(of, of.close / of.sma("close", length) - 1, length)


for _length in (1, 5, 15, 30, 60, 120, 240, 480, 1440):
    scaled_return(_length, Group.SCALED)
scaled_distance(240, Group.SCALED)
scaled_distance(1440, Group.SCALED)
volatility_ratio(60, 240, Group.SCALED)
volatility_ratio(240, 1440, Group.SCALED)
range_position(60, Group.SCALED)
range_position(240, Group.SCALED)
range_position(1440, Group.SCALED)
signed_volume(60, Group.SCALED)
volume_ratio(240, Group.SCALED)
