"""A symbol's rows of several days: checked, stored, and what is refused put aside."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from signal_server.core.clock import Clock
from signal_server.market.coverage import Source
from signal_server.market.flat_files.day import (
    BAR_SECONDS,
    DayBars,
    SymbolRows,
    day_interval,
    frame_of_rows,
)
from signal_server.market.quality import check_frame
from signal_server.market.store import BarStore

WRONG_DAY = "wrong_day"
"""Why a row is refused that stands in another day's file."""
_CONTEXT = timedelta(days=1, minutes=1)
_CONTEXT_BARS = 1_441


@dataclass(frozen=True, slots=True)
class Landed:
    """How many bars were new, and how many rows were no bars and are in quarantine."""

    new_bars: int = 0
    refused_bars: int = 0

    def __add__(self, other: "Landed") -> "Landed":
        return Landed(self.new_bars + other.new_bars, self.refused_bars + other.refused_bars)


class Landing:
    """Brings rows into a store; symbols may land in several threads at once.

    A month's last bar closes in the next month. It is held until that is written anyway.
    """

    def __init__(self, store: BarStore, clock: Clock, origin: Source) -> None:
        self._store = store
        self._clock = clock
        self._origin = origin
        self._before: dict[str, pd.DataFrame] = {}
        self._held: dict[str, pd.DataFrame] = {}

    def symbols_held(self) -> set[str]:
        """Return the symbols that have bars which are not stored yet."""
        return set(self._held)

    def land(
        self, symbol: str, days: Sequence[DayBars], hold_from: datetime | None = None
    ) -> Landed:
        """Store the symbol's bars of these days; a row told again is a revision if it differs.

        Those with a close at or after `hold_from` are stored by the next call.
        """
        held = self._held.pop(symbol, None)
        if not any(symbol in day.rows for day in days):
            return Landed() if held is None else self._tell(symbol, held)
        frame, landed = self._frame(symbol, days)
        if hold_from is not None:
            later = np.asarray(frame.index >= pd.Timestamp(hold_from))
            if later.any():
                self._held[symbol] = frame[later]
                frame = frame[~later]
        return landed + self._tell(symbol, frame if held is None else pd.concat([held, frame]))

    def _frame(self, symbol: str, days: Sequence[DayBars]) -> tuple[pd.DataFrame, Landed]:
        """Return the rows that stand in their own day's file, and refuse the others."""
        parts = [(day, day.rows[symbol]) for day in days if symbol in day.rows]
        frame = frame_of_rows([rows for _, rows in parts])
        inside = np.concatenate([_inside(day, rows) for day, rows in parts])
        if inside.all():
            return frame, Landed()
        self._refuse(symbol, frame[~inside].assign(reason=WRONG_DAY))
        return frame[inside], Landed(0, int((~inside).sum()))

    def _tell(self, symbol: str, frame: pd.DataFrame) -> Landed:
        return sum((self._land(symbol, telling) for telling in tellings(frame)), Landed())

    def _land(self, symbol: str, frame: pd.DataFrame) -> Landed:
        checked = check_frame(
            frame, BAR_SECONDS, now=self._clock(), before=self._known(symbol, frame)
        )
        new = self._store.write(symbol, checked.good, seen_at=self._clock())
        if len(checked.refused):
            self._refuse(symbol, checked.refused)
        if len(checked.good):
            # A copy: a view would keep the whole month in memory.
            self._before[symbol] = checked.good.iloc[-_CONTEXT_BARS:].copy()
        return Landed(new, len(checked.refused))

    def _known(self, symbol: str, frame: pd.DataFrame) -> pd.DataFrame:
        """Return bars before these, for what can only be judged by comparison."""
        before = self._before.get(symbol)
        if before is None or before.index[-1] >= frame.index[0]:
            start = frame.index[0].to_pydatetime()
            before = self._store.read(symbol, start - _CONTEXT, start - timedelta(seconds=1))
        return before

    def _refuse(self, symbol: str, refused: pd.DataFrame) -> None:
        seen_at = pd.Timestamp(self._clock())
        self._store.quarantine(symbol, refused.assign(source=str(self._origin), seen_at=seen_at))


def tellings(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield each close's first row in order of time, then the second of those that have one."""
    while len(frame):
        repeated = np.asarray(frame.index.duplicated(keep="first"))
        first = frame[~repeated] if repeated.any() else frame
        yield first if first.index.is_monotonic_increasing else first.sort_index()
        frame = frame[repeated]


def _inside(day: DayBars, rows: SymbolRows) -> npt.NDArray[np.bool_]:
    start, end = (int(moment.timestamp()) * 1_000_000_000 for moment in day_interval(day.day))
    inside: npt.NDArray[np.bool_] = (rows.starts >= start) & (rows.starts < end)
    return inside
