"""The bars of many symbols, read when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa

from signal_server.core.errors import NoHistoryError
from signal_server.market.store import BarStore

Period = tuple[datetime | None, datetime | None]


def check_period(period: Period) -> None:
    """Raise `NoHistoryError` unless its start is before its end."""
    start, end = period
    if start and end and start >= end:
        raise NoHistoryError(f"--start {start:%Y-%m-%d %H:%M} is not before --end; swap them")


class StoredBars(Mapping[str, pd.DataFrame]):
    """A mapping of symbols to their stored bars that holds none of them.

    Each access reads the store anew, so that more history can be worked on than fits into memory.
    """

    def __init__(
        self, store: BarStore, symbols: Sequence[str], period: Period = (None, None)
    ) -> None:
        """Give these symbols' bars with close_time in (start, end]; None means no limit."""
        self._store = store
        self._symbols = tuple(symbols)
        self._period = period

    def __getitem__(self, symbol: str) -> pd.DataFrame:
        """Read the bar frame of `symbol`; raise `KeyError` if it is not one of the symbols."""
        if symbol not in self._symbols:
            raise KeyError(symbol)
        bars = self._store.read(symbol, *self._period)
        pa.default_memory_pool().release_unused()
        return bars

    def __iter__(self) -> Iterator[str]:
        """Return the symbols in the order given."""
        return iter(self._symbols)

    def __len__(self) -> int:
        """Return how many symbols there are."""
        return len(self._symbols)
