"""Prices that leave their level: a spike that comes back, or a crash or rally that stays.

A bar is away when it opens or closes more than 50% from the close before it. Bars that are away
are held until they have settled (so many in a row agree with each other); if the price comes back
before, they were a spike. History knows how it went on, so there nothing needs to be held.
"""

from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from signal_server.market.quality.shape import FALL, RISE, Bools, Times

SETTLED_BARS = 5
REACH_US = 3_600_000_000
"""A close of more than an hour ago says nothing about a bar."""
NEVER_US = -(1 << 61)

Prices = NDArray[np.float64]


class Verdict(Enum):
    """What a bar means for its level."""

    NEAR = "near"
    HELD = "held"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Point:
    """A bar as far as its level is concerned."""

    time_us: int
    open: float
    close: float


@dataclass(slots=True)
class Level:
    """The newest close that is believed, and the bars that are away from it."""

    time_us: int = NEVER_US
    close: float = 0.0
    run: list[Point] = field(default_factory=list)

    def take(self, point: Point) -> Verdict:
        """Take the next bar; it becomes the level if it is near, or if its level has settled."""
        reference = self.reference(point)
        if _is_near(point, reference):
            self.rest(point)
            return Verdict.NEAR
        if _is_near_price(point.close, reference):
            # It has come back within this bar, whose other prices are still those of the spike.
            self.run.clear()
            return Verdict.HELD
        if self.run and not _is_near(point, self.run[-1].close):
            self.run.clear()
        if not self.run or point.time_us > self.run[-1].time_us:
            self.run.append(point)
        if len(self.run) < SETTLED_BARS:
            return Verdict.HELD
        self.rest(point)
        return Verdict.SETTLED

    def rest(self, point: Point) -> None:
        """Believe in a bar."""
        self.time_us, self.close = point.time_us, point.close
        self.run.clear()

    def reference(self, point: Point) -> float:
        """Return the price to compare a bar with: the close before it, or its own open."""
        return self.close if abs(point.time_us - self.time_us) <= REACH_US else point.open

    def is_far(self, point: Point) -> bool:
        """Tell whether a bar is away from the level, without taking it."""
        return not _is_near(point, self.reference(point))


@dataclass(frozen=True, slots=True)
class Moves:
    """Which rows were a spike, and which are the first of a new level."""

    spiked: Bools
    jumped: Bools


@dataclass(frozen=True, slots=True)
class Track:
    """Bars in order, as arrays."""

    times: Times
    opens: Prices
    closes: Prices

    def point(self, row: int) -> Point:
        """Return one bar."""
        return Point(int(self.times[row]), float(self.opens[row]), float(self.closes[row]))


def judge(track: Track, level: Level, *, hindsight: bool) -> Moves:
    """Judge bars that follow `level`.

    Without hindsight as `Level.take` does one by one: what is held counts as a spike. With it,
    bars that had settled, or never came back, are no spikes.
    """
    moves = Moves(np.zeros(len(track.times), np.bool_), np.zeros(len(track.times), np.bool_))
    row = -1
    for away in _away(track, level).tolist():
        if away <= row:
            continue
        if away:
            level.rest(track.point(away - 1))
        row = _walk(track, away, level, moves, hindsight)
    return moves


def _walk(track: Track, row: int, level: Level, moves: Moves, hindsight: bool) -> int:
    """Go on from a bar that is away until one is believed; return its row."""
    held: list[int] = []
    for at in range(row, len(track.times)):
        point = track.point(at)
        expired = bool(level.run) and abs(point.time_us - level.time_us) > REACH_US
        verdict = level.take(point)
        if verdict is Verdict.HELD:
            moves.spiked[at] = True
            # Only those of the present run can still turn out to be a level.
            held = [*held, at][-len(level.run) :] if level.run else []
            continue
        settled = verdict is Verdict.SETTLED
        if hindsight and (settled or expired):
            _believe(held, moves)
        if settled:
            moves.jumped[held[0] if hindsight and held else at] = True
        return at
    if hindsight:
        _believe(held, moves)
    return len(track.times)


def _believe(held: list[int], moves: Moves) -> None:
    moves.spiked[held] = False
    moves.jumped[held[:1]] = True


def _away(track: Track, level: Level) -> NDArray[np.intp]:
    """Return the rows that are away from the close before them."""
    closes = np.concatenate(([level.close], track.closes[:-1]))
    times = np.concatenate((np.array([level.time_us], np.int64), track.times[:-1]))
    reference = np.where(track.times - times <= REACH_US, closes, track.opens)
    top, bottom = reference * RISE, reference * FALL
    away = (track.closes > top) | (track.closes < bottom)
    away |= (track.opens > top) | (track.opens < bottom)
    found: NDArray[np.intp] = np.flatnonzero(away)
    return found


def _is_near(point: Point, reference: float) -> bool:
    return _is_near_price(point.open, reference) and _is_near_price(point.close, reference)


def _is_near_price(price: float, reference: float) -> bool:
    return reference * FALL <= price <= reference * RISE
