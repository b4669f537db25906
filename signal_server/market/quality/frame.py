"""Check a frame of history: what can be used, what is odd about it, what is held back and why."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Source
from signal_server.market.frames import empty_frame
from signal_server.market.quality.jumps import Level, Moves, Point, Track, judge
from signal_server.market.quality.shape import Limits, faults_in, times_of
from signal_server.market.quality.unusual import CONTEXT_BARS, unusual_in
from signal_server.market.quality.vocabulary import (
    FAULTS,
    BarFault,
    BarFlag,
    bit_of,
    code_of,
    flags_of,
)

FUTURE_TOLERANCE = timedelta(seconds=5)
"""How far the vendor's clock may be ahead of this computer's."""
OLDEST_CLOSE = datetime(2009, 1, 3, tzinfo=UTC)
"""No coin was traded before."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Checked:
    """A frame's rows, told apart.

    `good` is a bar frame and `flags` the mask of each of its rows; `refused` has a bar frame's
    columns and `reason`, the value of a `BarFault`.
    """

    good: pd.DataFrame
    flags: NDArray[np.uint8]
    refused: pd.DataFrame

    def flags_at(self, row: int) -> tuple[BarFlag, ...]:
        """Return the flags of a row of `good`."""
        return flags_of(int(self.flags[row]))

    def quarantined(self, source: Source, seen_at: datetime) -> pd.DataFrame:
        """Return what is refused as the store keeps it: with its source and when it was seen."""
        return self.refused.assign(source=source.value, seen_at=pd.Timestamp(seen_at))


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970, UTC."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def limits_of(bar_seconds: int, now: datetime, oldest: datetime) -> Limits:
    """Return what a close may be at `now`."""
    latest = microseconds(now + FUTURE_TOLERANCE)
    return Limits(bar_seconds * 1_000_000, microseconds(oldest), latest)


def check_frame(
    frame: pd.DataFrame,
    bar_seconds: int,
    *,
    now: datetime,
    before: pd.DataFrame | None = None,
    confirmed: bool = True,
    oldest: datetime = OLDEST_CLOSE,
) -> Checked:
    """Tell a symbol's bars apart, as they came from a source; rows need not be valid bars.

    `before` are the good bars before them, the newest 1,441 at least. What came from a history,
    which knows how prices went on, is `confirmed`: there only what came back is a spike. Without
    it the answers are those of a `BarChecker` that was shown the rows one by one. Raises
    `MarketDataError` if times are not in order, once each, with a time zone.
    """
    _require_order(frame)
    codes = faults_in(frame, limits_of(bar_seconds, now, oldest))
    sound = codes == 0
    context = _context(frame, before)
    moves = _judged(frame[sound], context, confirmed)
    codes[np.flatnonzero(sound)[moves.spiked]] = code_of(BarFault.SPIKE)
    good = frame if not codes.any() else frame[codes == 0]
    return Checked(good, _flags(good, context, moves, bar_seconds), _refused(frame, codes))


def level_of(frame: pd.DataFrame) -> Level:
    """Return the level after the bars of a frame."""
    level = Level()
    if len(frame):
        close = float(frame["close"].iloc[-1])
        level.rest(Point(int(times_of(frame.iloc[-1:])[0]), close, close))
    return level


def _require_order(frame: pd.DataFrame) -> None:
    index = pd.DatetimeIndex(frame.index)
    if index.tz is None or not index.is_monotonic_increasing or index.has_duplicates:
        raise MarketDataError("bars to check must be in order, once each, with a time zone")


def _context(frame: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    if before is None or not len(before) or not len(frame):
        return empty_frame()
    until = int(pd.DatetimeIndex(before.index).searchsorted(frame.index[0]))
    return before.iloc[max(0, until - CONTEXT_BARS) : until]


def _judged(rows: pd.DataFrame, context: pd.DataFrame, hindsight: bool) -> Moves:
    opens, closes = (rows[name].to_numpy(np.float64) for name in ("open", "close"))
    return judge(Track(times_of(rows), opens, closes), level_of(context), hindsight=hindsight)


def _flags(
    good: pd.DataFrame, context: pd.DataFrame, moves: Moves, bar_seconds: int
) -> NDArray[np.uint8]:
    rows = pd.concat([context, good]) if len(context) else good
    masks = unusual_in(rows, bar_seconds)[len(context) :]
    masks[moves.jumped[~moves.spiked]] |= bit_of(BarFlag.JUMP)
    return masks


def _refused(frame: pd.DataFrame, codes: NDArray[np.int8]) -> pd.DataFrame:
    bad = np.flatnonzero(codes)
    reasons = [str(FAULTS[code]) for code in codes[bad].tolist()]
    return frame.iloc[bad].assign(reason=pd.array(reasons, dtype="str"))
