"""Check live bars one at a time, each against those before it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from signal_server.core.domain import Bar
from signal_server.market.frames import bars_of, empty_frame
from signal_server.market.quality.frame import level_of, limits_of, microseconds
from signal_server.market.quality.jumps import Level, Point, Verdict
from signal_server.market.quality.shape import fault_of, times_of
from signal_server.market.quality.unusual import CONTEXT_BARS, Recent, flat_bars, recent_of
from signal_server.market.quality.vocabulary import BarFault, BarFlag, bit_of, flags_of

MAX_AGE = timedelta(days=1)


@dataclass(slots=True)
class _Known:
    level: Level
    recent: Recent


class BarChecker:
    """What is known of each symbol's newest bars, and what that says about the next.

    A bar that is more than 50% away from the last is refused as a spike until the same level has
    been seen in five bars in a row, or `prime` was shown a confirmed bar. A price that stays
    where it is thus never stops the feed.
    """

    def __init__(self, bar_seconds: int, *, max_age: timedelta = MAX_AGE) -> None:
        """Refuse live bars that closed more than `max_age` ago as ancient."""
        self._bar_seconds = bar_seconds
        self._flat_limit = flat_bars(bar_seconds)
        self._max_age = max_age
        self._known: dict[str, _Known] = {}

    def check(self, bar: Bar, now: datetime) -> BarFault | tuple[BarFlag, ...]:
        """Return why the bar must not be used, or what is odd about it: often nothing.

        A bar that is not newer than the last good one is checked, and changes nothing.
        """
        time_us = microseconds(bar.close_time)
        limits = limits_of(self._bar_seconds, now, now - self._max_age)
        fault = fault_of(bar, time_us, limits)
        return fault or self._among_others(bar, Point(time_us, bar.open, bar.close))

    def prime(self, symbol: str, frame: pd.DataFrame) -> None:
        """Learn good bars that are known from elsewhere; those not newer than the last are not."""
        known = self._of(symbol)
        newer = frame[times_of(frame) > known.level.time_us]
        if not len(newer):
            return
        known.level = level_of(newer)
        if len(newer) >= CONTEXT_BARS or not known.recent.count:
            known.recent = recent_of(newer)
        else:
            for bar in bars_of(symbol, newer):
                known.recent.take(bar, self._flat_limit)

    def _of(self, symbol: str) -> _Known:
        if symbol not in self._known:
            self._known[symbol] = _Known(Level(), recent_of(empty_frame()))
        return self._known[symbol]

    def _among_others(self, bar: Bar, point: Point) -> BarFault | tuple[BarFlag, ...]:
        known = self._of(bar.symbol)
        if point.time_us <= known.level.time_us:
            return BarFault.SPIKE if known.level.is_far(point) else ()
        verdict = known.level.take(point)
        if verdict is Verdict.HELD:
            return BarFault.SPIKE
        mask = known.recent.take(bar, self._flat_limit)
        if verdict is Verdict.SETTLED:
            mask |= bit_of(BarFlag.JUMP)
        return flags_of(mask)
