"""The newest feature row of all symbols at once, kept up with each bar.

Equal to `compute_features` on the same bars, within 1e-9 of the value or of the feature's own
standard deviation.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError, NoHistoryError, UnknownSymbolError
from signal_server.features.batch import BatchIndicators, keep_freed_memory
from signal_server.features.candles import BAR_ARRAYS, BarArrays
from signal_server.features.catalogue import find_features, leaders_of, warmup_bars
from signal_server.features.demand import Demands
from signal_server.features.live_candles import LiveCandles
from signal_server.features.newest import NewestIndicators
from signal_server.features.rings import Numbers
from signal_server.features.windows import Array


class LiveFeatures:
    """Feature rows of the newest bars; features are NaN as in `compute_features`.

    What is kept grows with the symbols and the windows, not with time.
    """

    def __init__(self, names: Sequence[str], symbols: Sequence[str], bar_seconds: int) -> None:
        """Follow `symbols`; raise `NoHistoryError` naming a leader that is not among them."""
        self._features = find_features(names)
        self._rows = {symbol: row for row, symbol in enumerate(symbols)}
        missing = [leader for leader in leaders_of(names) if leader not in self._rows]
        if missing:
            raise NoHistoryError(
                f"these features compare with {', '.join(missing)}; add it to symbols"
            )
        self._warmup = warmup_bars(names)
        self._bar_seconds = bar_seconds
        demands = Demands(self._features)
        self._newest = NewestIndicators(demands, len(symbols), self._rows)
        self._candles = [
            LiveCandles(minutes, tuple(features.values()), len(symbols))
            for minutes, features in demands.by_candle.items()
        ]
        for candles in self._candles:
            self._newest.attach(candles.minutes, candles.newest)
        self._matrix: Array | None = None

    def open(self, history: Mapping[str, pd.DataFrame]) -> None:
        """Begin with the stored bar frames; a symbol that has none begins empty.

        A symbol that closed before its leader has NaN for it until its next bar.
        """
        keep_freed_memory()
        # One after the other: threads would spend longer on the interpreter's lock than on numbers.
        for symbol, frame in history.items():
            self._fill(self._row(symbol), frame)
        self._refresh()

    def reopen(self, symbol: str, frame: pd.DataFrame) -> None:
        """Begin one symbol again, after a bar came late or was repaired."""
        self._fill(self._row(symbol), frame)
        self._refresh()

    def append(self, bars: Sequence[Bar]) -> None:
        """Take new bars, of some or all symbols, each newer than its symbol's last.

        Those of one close are taken together, the older closes first. Raises
        `UnknownSymbolError`, and `MarketDataError` for a bar that is not newer: reopen its symbol
        instead.
        """
        for together in _moments(bars):
            rows = np.array([self._row(bar.symbol) for bar in together])
            closes = np.array([int(bar.close_time.timestamp()) for bar in together])
            self._check(together, rows, closes)
            values = [[getattr(bar, name) for name in BAR_ARRAYS] for bar in together]
            columns = dict(zip(BAR_ARRAYS, np.array(values, dtype=np.float64).T, strict=True))
            for candles in self._candles:
                candles.push(rows, closes, columns)
            self._newest.push(rows, closes, columns)
        self._matrix = None

    def rows(self, symbols: Sequence[str]) -> NDArray[np.float64]:
        """Return the features of each symbol's newest bar (symbols, names)."""
        if self._matrix is None:
            with np.errstate(all="ignore"):
                values = [self._newest.value(feature) for feature in self._features]
            self._matrix = np.stack(values, axis=1)
        return self._matrix[[self._row(symbol) for symbol in symbols]]

    def _row(self, symbol: str) -> int:
        if symbol not in self._rows:
            raise UnknownSymbolError(f"features of {symbol} are not followed; add it to symbols")
        return self._rows[symbol]

    def _fill(self, row: int, frame: pd.DataFrame) -> None:
        history = BatchIndicators(BarArrays.of(frame.iloc[-self._warmup :]))
        with np.errstate(all="ignore"):
            for candles in self._candles:
                candles.fill(row, history)
            self._newest.fill(row, history)

    def _refresh(self) -> None:
        for candles in self._candles:
            candles.newest.refresh()
        self._newest.refresh()
        self._matrix = None

    def _check(self, bars: Sequence[Bar], rows: Numbers, closes: Numbers) -> None:
        late = np.flatnonzero(closes <= self._newest.closes[rows])
        if len(late) or len(set(rows)) < len(rows):
            bar = bars[late[0] if len(late) else 0]
            raise MarketDataError(
                f"the bar of {bar.symbol} that closed {bar.close_time.isoformat()} is not newer "
                "than the last; reopen the symbol with its bars in order"
            )


def _moments(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Return the bars of each close together, in the order of time."""
    moments: dict[datetime, list[Bar]] = {}
    for bar in bars:
        moments.setdefault(bar.close_time, []).append(bar)
    return [moments[close] for close in sorted(moments)]
