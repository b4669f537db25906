"""Moves in units of their own volatility, and the slower surroundings of the newest bar."""

import numpy as np

from signal_server.features.feature import Feature, Group
from signal_server.features.indicators import Indicators
from signal_server.features.price_action import range_position
from signal_server.features.volume import signed_volume, volume_ratio
from signal_server.features.windows import Array, ratio

VOLATILITY_BARS = 240
"""Over how many bars the volatility is taken that moves are counted in."""


def scaled_return(length: int, group: Group) -> Feature:
    """Return the feature: the move over `length` bars in units of its own volatility."""

    def compute(of: Indicators) -> Array:
        move = np.log(of.close / of.before("close", length))
        return ratio(move, of.volatility(VOLATILITY_BARS) * length**0.5, 0.0)

    return Feature(
        f"scaled_return_{length}",
        group,
        f"log return over {length} bars in standard deviations of such a move; 0 if none moved",
        ("close",),
        max(length, VOLATILITY_BARS) + 1,
        compute,
    )


def scaled_distance(length: int, group: Group) -> Feature:
    """Return the feature: the distance from a mean in units of the price's own volatility."""

    def compute(of: Indicators) -> Array:
        distance = of.close / of.sma("close", length) - 1
        return ratio(distance, of.volatility(VOLATILITY_BARS) * length**0.5, 0.0)

    return Feature(
        f"scaled_distance_{length}",
        group,
        f"distance from the {length}-bar mean in standard deviations; 0 if nothing moved",
        ("close",),
        max(length, VOLATILITY_BARS) + 1,
        compute,
    )


def volatility_ratio(fast: int, slow: int, group: Group) -> Feature:
    """Return the feature: recent volatility against that of a longer window."""
    return Feature(
        f"volatility_ratio_{fast}_{slow}",
        group,
        f"volatility over {fast} bars against {slow} bars; 1 when nothing moved",
        ("close",),
        slow + 1,
        lambda of: ratio(of.volatility(fast), of.volatility(slow), 1.0),
    )


SCALED = (
    *(scaled_return(length, Group.SCALED) for length in (1, 5, 15, 30, 60, 120, 240, 480, 1440)),
    scaled_distance(240, Group.SCALED),
    scaled_distance(1440, Group.SCALED),
    volatility_ratio(60, 240, Group.SCALED),
    volatility_ratio(240, 1440, Group.SCALED),
    range_position(60, Group.SCALED),
    range_position(240, Group.SCALED),
    range_position(1440, Group.SCALED),
    signed_volume(60, Group.SCALED),
    volume_ratio(240, Group.SCALED),
)
