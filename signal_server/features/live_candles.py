"""Candles of all symbols, built bar by bar as `BarArrays.candles` builds them of all bars."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from signal_server.features.batch import BatchIndicators
from signal_server.features.candles import (
    BAR_ARRAYS,
    Seconds,
    candle_number,
    ends_candle,
)
from signal_server.features.demand import Demands
from signal_server.features.newest import NewestIndicators
from signal_server.features.rings import Numbers
from signal_server.features.windows import Array

if TYPE_CHECKING:
    from signal_server.features.feature import Feature

_NONE = -1
_JOINED: dict[str, Callable[[Array, Array], Array]] = {
    "open": lambda begun, _: begun,
    "high": np.maximum,
    "low": np.minimum,
    "close": lambda _, added: added,
    "volume": np.add,
    "transactions": np.add,
}


class LiveCandles:
    """The candle that is being built of each symbol, and the engine of the finished ones."""

    def __init__(self, minutes: int, features: Sequence["Feature"], symbols: int) -> None:
        """Build candles of so many minutes for `features` of them."""
        self.minutes = minutes
        self.newest = NewestIndicators(Demands(features), symbols, {})
        # The oldest candle of the history may be cut off at its start, the newest is unfinished.
        self._bars = (max(feature.warmup_bars for feature in features) + 2) * minutes
        self._number: Numbers = np.full(symbols, _NONE, dtype=np.int64)
        self._columns = {name: np.full(symbols, np.nan) for name in BAR_ARRAYS}

    def fill(self, row: int, history: BatchIndicators) -> None:
        """Forget the symbol and take its history of bars."""
        candles = history.bars[-self._bars :].candles(self.minutes)
        begun = bool(len(candles)) and not ends_candle(history.bars.closes[-1:], self.minutes)[0]
        self._number[row] = _NONE
        if begun:
            self._number[row] = candle_number(history.bars.closes[-1:], self.minutes)[0]
            for name, column in self._columns.items():
                column[row] = candles.columns[name][-1]
        self.newest.fill(row, BatchIndicators(candles[:-1] if begun else candles))

    def push(self, rows: Numbers, closes: Seconds, columns: Mapping[str, Array]) -> None:
        """Take one more bar of each of `rows`; finish the candles that it ends."""
        numbers = candle_number(closes, self.minutes)
        begun = self._number[rows] != _NONE
        self._finish(rows[begun & (self._number[rows] != numbers)])
        self._merge(rows, self._number[rows] == numbers, columns)
        self._number[rows] = numbers
        self._finish(rows[ends_candle(closes, self.minutes)])

    def _merge(self, rows: Numbers, same: NDArray[np.bool_], columns: Mapping[str, Array]) -> None:
        for name, column in self._columns.items():
            joined = _JOINED[name](column[rows], columns[name])
            column[rows] = np.where(same, joined, columns[name])

    def _finish(self, rows: Numbers) -> None:
        if len(rows):
            closes = (self._number[rows] + 1) * self.minutes * 60
            finished = {name: column[rows] for name, column in self._columns.items()}
            self.newest.push(rows, closes, finished)
            self._number[rows] = _NONE
