"""The bars of the live stream on their way into Parquet: text files, one line a bar.

A line is close, values, when it was seen, and a full stop, which tells a whole line from one that
a kill cut off.
"""

import csv
import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import INDEX_NAME
from signal_server.market.storage.files import settle
from signal_server.market.storage.parquet import SEEN

LIVE, MOVING = "live.csv", "moving.csv"

Row = list[str]


class LiveFile:
    """One symbol's live bars: `live.csv`, and `moving.csv` with those that are being moved."""

    def __init__(self, folder: Path) -> None:
        self.live = folder / LIVE
        self.moving = folder / MOVING

    def append(self, bar: Bar, seen_at: datetime) -> None:
        """Add a line; it is whole or passed over."""
        values = [repr(float(getattr(bar, name))) for name in BAR_COLUMNS]
        times = bar.close_time.astimezone(UTC).isoformat(), seen_at.astimezone(UTC).isoformat()
        line = ",".join([times[0], *values, times[1], "."])
        try:
            # A line break before and after: what a killed writer left stays a line of its own.
            with self.live.open("ab") as file:
                file.write(f"\n{line}\n".encode())
        except OSError as error:
            reason = error.strerror or error
            raise MarketDataError(f"{self.live} could not be written: {reason}") from error

    def settle(self) -> None:
        """Make all lines durable, should the computer lose its power."""
        for path in (self.live, self.moving):
            try:
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            except FileNotFoundError:
                continue
        settle(self.live.parent)

    def begin_to_move(self, appending: threading.Lock) -> list[pd.DataFrame]:
        """Put the lines aside; return them, one frame for each time that bars were told."""
        with appending:
            # One that is there already was left by a killed process and goes first.
            if self.live.exists() and not self.moving.exists():
                self.live.replace(self.moving)
        return self.rows_of(self.moving)

    def end_to_move(self) -> None:
        """Drop the lines that were put aside: they are in Parquet."""
        self.moving.unlink(missing_ok=True)

    def told(self) -> list[pd.DataFrame]:
        """Return all lines, one frame for each time that bars were told."""
        # In the order in which a bar moves: seen twice, and not never.
        live, moving = _rows(self.live), _rows(self.moving)
        return _told(self.live, [*moving, *live])

    def rows_of(self, path: Path) -> list[pd.DataFrame]:
        """Return the lines of one of the files in the same way."""
        return _told(path, _rows(path))


def _told(path: Path, rows: Sequence[Row]) -> list[pd.DataFrame]:
    """Return the first line of each bar, then the second of those that have one, and so on.

    Each frame has the bar columns and `seen_at`, NaT in lines of an earlier version.
    """
    return [_frame(path, group) for group in _by_telling(rows)]


def _by_telling(rows: Iterable[Row]) -> list[list[Row]]:
    tellings: list[list[Row]] = []
    count: Counter[str] = Counter()
    for row in rows:
        if count[row[0]] == len(tellings):
            tellings.append([])
        tellings[count[row[0]]].append(row)
        count[row[0]] += 1
    return tellings


def _rows(path: Path) -> list[Row]:
    lengths = {len(BAR_COLUMNS) + 2, len(BAR_COLUMNS) + 3}
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            return [row for row in csv.reader(file) if len(row) in lengths and row[-1] == "."]
    except FileNotFoundError:
        # Not there, or moved on this very moment: then it is found further on.
        return []
    except (OSError, csv.Error) as error:
        raise _damaged(path) from error


def _frame(path: Path, rows: list[Row]) -> pd.DataFrame:
    width = len(BAR_COLUMNS) + 1
    try:
        values = np.array([row[1:width] for row in rows], dtype="float64")
        index = _moments([row[0] for row in rows]).rename(INDEX_NAME)
        seen = _moments([row[width] if len(row) > width + 1 else "" for row in rows])
        if index.hasnans:
            raise ValueError("a line without a time")
    except ValueError as error:
        raise _damaged(path) from error
    frame = pd.DataFrame(values, index=index, columns=pd.Index(BAR_COLUMNS))
    return frame.assign(**{SEEN: seen}).sort_index(kind="stable")


def _moments(texts: Sequence[str]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.to_datetime(list(texts), utc=True, format="ISO8601")).as_unit("us")


def _damaged(path: Path) -> MarketDataError:
    return MarketDataError(
        f"{path} is damaged; run `signal-server data verify --refetch`, "
        "which moves it aside and fetches its bars again"
    )
