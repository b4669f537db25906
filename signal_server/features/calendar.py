"""When it is: the time of hour, day and week of the bar's close, UTC, as points on a circle."""

import numpy as np

from signal_server.features.feature import Feature, Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

_HOUR_S = 3_600
_DAY_S = 24 * _HOUR_S
_WEEK_S = 7 * _DAY_S
_FIRST_MONDAY_S = 4 * _DAY_S
"""The epoch was a Thursday."""


def _point(name: str, period_s: int, start: str, *, sine: bool) -> Feature:
    wave = "sine" if sine else "cosine"

    @feature(
        Group.CALENDAR,
        ("close_time",),
        1,
        unit=Unit.SHARE,
        name=f"{name}_{'sin' if sine else 'cos'}",
        meaning=f"{wave} of the time since {start}, one turn per {name}, UTC",
    )
    def compute(of: Indicators) -> Array:
        turn = 2 * np.pi * of.phase(period_s, _FIRST_MONDAY_S)
        return np.sin(turn) if sine else np.cos(turn)

    return compute


CALENDAR = tuple(
    _point(name, period_s, start, sine=sine)
    for name, period_s, start in (
        ("hour", _HOUR_S, "the full hour"),
        ("day", _DAY_S, "midnight"),
        ("week", _WEEK_S, "Monday's midnight"),
    )
    for sine in (True, False)
)
