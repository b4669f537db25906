"""Time-ordered train, validation, calibration and test parts, purged by `known_at`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import TrainingConfig
from signal_server.core.errors import NoHistoryError

MIN_PART_ROWS = 20


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one part: positions in the dataset, int64, in time order."""

    name: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Four parts in time order; no label of one is known after the next begins."""

    train: Part
    validation: Part
    calibration: Part
    test: Part

    @property
    def parts(self) -> tuple[Part, Part, Part, Part]:
        """Return the parts in time order."""
        return self.train, self.validation, self.calibration, self.test


@dataclass(frozen=True, slots=True)
class Window:
    """Period of one part: close times of its first and last row, tz-aware UTC, both included.

    `last_known_at` is when the last of its labels became known.
    """

    start: datetime
    end: datetime
    last_known_at: datetime
    rows: int


@dataclass(frozen=True, slots=True)
class Windows:
    """The periods of the four parts."""

    train: Window
    validation: Window
    calibration: Window
    test: Window


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a walk forward trains again: at `start` and every `every` after it, before `end`.

    Each model learns from the `window` that ends `embargo` before its moment, and forecasts from
    that moment to the next. Moments are tz-aware UTC.
    """

    start: datetime
    end: datetime
    every: timedelta
    window: timedelta
    embargo: timedelta

    def moments(self) -> Iterator[datetime]:
        """Yield the moments of training in order."""
        moment = self.start
        while moment < self.end:
            yield moment
            moment += self.every


@dataclass(frozen=True, slots=True)
class Step:
    """One training of a walk forward; the test part is what its model forecasts."""

    moment: datetime
    split: Split


def split_by_time(
    time: pd.DatetimeIndex, known_at: pd.DatetimeIndex, training: TrainingConfig
) -> Split:
    """Cut rows of all symbols jointly at three moments, then purge.

    `time` is non-decreasing; `known_at` belongs to it row by row. Each part takes its share of
    the rows, and loses those whose label is not yet known when the next part begins.
    Raises `NoHistoryError` when a part is left with fewer than 20 rows.
    """
    starts = _part_starts(time, training)
    ends = [*starts[1:], None]
    names = ("train", "validation", "calibration", "test")
    parts = (
        Part(name, _rows_between(time, known_at, start, end))
        for name, start, end in zip(names, starts, ends, strict=True)
    )
    return Split(*(_require_rows(part) for part in parts))


def walk_steps(
    time: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    schedule: Schedule,
    training: TrainingConfig,
) -> Iterator[Step]:
    """Yield the steps of a walk forward; `time` and `known_at` as in `split_by_time`.

    A model learns only from labels known before `embargo` before its moment. Train, validation
    and calibration parts keep their proportion, purged as in `split_by_time`. Left out are steps
    without a row to forecast, or with a part of fewer than 20 rows to learn from.
    """
    for moment in schedule.moments():
        step = _step(time, known_at, schedule, (moment, training))
        if step is not None:
            yield step


def window_of(part: Part, time: pd.DatetimeIndex, known_at: pd.DatetimeIndex) -> Window:
    """Return the period that `part` covers."""
    rows = part.rows
    return Window(
        start=time[rows[0]].to_pydatetime(),
        end=time[rows[-1]].to_pydatetime(),
        last_known_at=known_at[rows].max().to_pydatetime(),
        rows=len(rows),
    )


def windows_of(split: Split, time: pd.DatetimeIndex, known_at: pd.DatetimeIndex) -> Windows:
    """Return the periods of all four parts."""
    return Windows(*(window_of(part, time, known_at) for part in split.parts))


def _part_starts(time: pd.DatetimeIndex, training: TrainingConfig) -> list[pd.Timestamp]:
    if len(time) < 4 * MIN_PART_ROWS:
        raise NoHistoryError(
            f"only {len(time)} labelled rows, too few to train on; backfill a longer history"
        )
    after = training.test_share + training.calibration_share
    held_out = (1.0, after + training.validation_share, after, training.test_share)
    return [time[int(len(time) * (1.0 - share))] for share in held_out]


def _step(
    time: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    schedule: Schedule,
    which: tuple[datetime, TrainingConfig],
) -> Step | None:
    moment, training = which
    learned_until = pd.Timestamp(moment - schedule.embargo)
    until = min(moment + schedule.every, schedule.end)
    edges = (learned_until - schedule.window, learned_until, moment, until)
    first, last, begin, stop = (int(time.searchsorted(pd.Timestamp(edge))) for edge in edges)
    inside = slice(first, last)
    learning = training.validation_share + training.calibration_share
    total = 1.0 - training.test_share
    if begin == stop or last - first < 3 * MIN_PART_ROWS:
        return None
    held_out = (1.0, learning / total, training.calibration_share / total)
    starts = [time[first + int((last - first) * (1.0 - share))] for share in held_out]
    rows = [
        first + _rows_between(time[inside], known_at[inside], start, end)
        for start, end in zip(starts, [*starts[1:], learned_until], strict=True)
    ]
    if min(len(part) for part in rows) < MIN_PART_ROWS:
        return None
    names = ("train", "validation", "calibration", "test")
    rows.append(np.arange(begin, stop, dtype=np.int64))
    return Step(moment, Split(*(Part(*pair) for pair in zip(names, rows, strict=True))))


def _rows_between(
    time: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    start: pd.Timestamp,
    end: pd.Timestamp | None,
) -> NDArray[np.int64]:
    inside = np.asarray(time >= start)
    if end is not None:
        inside &= np.asarray(time < end) & np.asarray(known_at < end)
    return np.flatnonzero(inside).astype(np.int64)


def _require_rows(part: Part) -> Part:
    if len(part.rows) < MIN_PART_ROWS:
        raise NoHistoryError(
            f"the {part.name} part has {len(part.rows)} rows after the purge, fewer than "
            f"{MIN_PART_ROWS}; backfill a longer history or shorten the horizon"
        )
    return part
