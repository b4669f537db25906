"""When it is: the time of hour, day and week of the bar's close, UTC, as points on a circle."""

import numpy as np

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

_HOUR_S = 3_600
_DAY_S = 24 * _HOUR_S
_WEEK_S = 7 * _DAY_S
_FIRST_MONDAY_S = 4 * _DAY_S
"""The epoch was a Thursday."""


def _point(name: str, period_s: int, start: str, *, sine: bool) -> None:
    @feature(
        Group.CALENDAR,
        ("close_time",),
        1,
        unit=Unit.SHARE,
        mirror=Mirror.SAME,
        name=f"{name}_{'sin' if sine else 'cos'}",
        meaning=f"{'sine' if sine else 'cosine'} of the time since {start}, one turn per {name}, "
        "UTC",
    )
    def _(of: Indicators) -> Array:
        turn = 2 * np.pi * of.phase(period_s, _FIRST_MONDAY_S)
        return np.sin(turn) if sine else np.cos(turn)


for _name, _period_s, _start in (
    ("hour", _HOUR_S, "the full hour"),
    ("day", _DAY_S, "midnight"),
    ("week", _WEEK_S, "Monday's midnight"),
):
    _point(_name, _period_s, _start, sine=True)
    _point(_name, _period_s, _start, sine=False)
