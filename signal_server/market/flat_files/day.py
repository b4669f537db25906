"""One flat file: the minute bars of a UTC day, read through the gzip without unpacking it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from signal_server.core.domain import BAR_COLUMNS
from signal_server.core.errors import FlatFileError, UnknownSymbolError
from signal_server.core.symbols import from_polygon_flat_file
from signal_server.market.frames import INDEX_NAME

BAR_SECONDS = 60
COLUMNS = ("open", "high", "low", "close", "volume", "transactions")
_TYPES = {
    "ticker": pa.dictionary(pa.int32(), pa.string()),
    "window_start": pa.int64(),
    **dict.fromkeys(COLUMNS, pa.float64()),
}
_BLOCK_BYTES = 1 << 20
_MINUTE_NS = BAR_SECONDS * 1_000_000_000
_UNWANTED = -1

Values = npt.NDArray[np.float64]
Starts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SymbolRows:
    """Rows of one symbol in the file's order: starts in ns UTC, and `COLUMNS` by name."""

    starts: Starts
    columns: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class DayBars:
    """What a flat file holds of the symbols that were wanted; views of few large arrays."""

    day: date
    rows: Mapping[str, SymbolRows]

    def __len__(self) -> int:
        return sum(len(part.starts) for part in self.rows.values())


def read_day(
    path: Path, day: date, wanted: Collection[str] | None = None, *, name: str = ""
) -> DayBars:
    """Read the rows of the wanted symbols, of all if None; others are dropped block by block.

    Raises `FlatFileError`, by `name` if it has another than the path's, if the file is cut off,
    damaged or of another form.
    """
    names = _Names(wanted)
    blocks: list[_Block] = []
    try:
        with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "gzip") as text:
            blocks += [_block(batch, names) for batch in _batches(text)]
    except (OSError, LookupError, ValueError, TypeError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FlatFileError(f"{name or path} is no whole flat file: {reason}") from error
    return DayBars(day, _by_symbol(blocks, names.symbols))


def frame_of_rows(parts: Iterable[SymbolRows]) -> pd.DataFrame:
    """Join one symbol's rows to a bar frame without vwap; order and repetition stay as they are."""
    held = list(parts)
    starts = np.concatenate([part.starts for part in held])
    closes = ((starts + _MINUTE_NS) // 1000).view("datetime64[us]")
    columns = {
        name: np.concatenate([part.columns[name] for part in held])
        if name in COLUMNS
        else np.full(len(starts), np.nan)
        for name in BAR_COLUMNS
    }
    index = pd.DatetimeIndex(closes, tz=UTC, name=INDEX_NAME)
    return pd.DataFrame(columns, index=index, copy=False)


def day_interval(day: date) -> tuple[datetime, datetime]:
    """Return the UTC day as an interval of closes: midnight < close <= midnight."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return start, start + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Block:
    ids: npt.NDArray[np.int32]
    starts: Starts
    columns: tuple[Values, ...]


class _Names:
    """Numbers for the symbols that are wanted, in the order in which they turn up."""

    def __init__(self, wanted: Collection[str] | None) -> None:
        self.symbols: list[str] = []
        self._wanted = None if wanted is None else frozenset(wanted)
        self._ids: dict[str, int] = {}

    def id_of(self, ticker: str) -> int:
        """Return the ticker's number, -1 if it is not wanted or no symbol."""
        if ticker not in self._ids:
            self._ids[ticker] = self._new(ticker)
        return self._ids[ticker]

    def _new(self, ticker: str) -> int:
        try:
            symbol = from_polygon_flat_file(ticker)
        except UnknownSymbolError:
            return _UNWANTED
        if self._wanted is not None and symbol not in self._wanted:
            return _UNWANTED
        if symbol not in self.symbols:
            self.symbols.append(symbol)
        return self.symbols.index(symbol)


def _batches(text: pa.CompressedInputStream) -> pa.csv.CSVStreamingReader:
    return pa.csv.open_csv(
        text,
        # One thread a file: several files are read at once.
        read_options=pa.csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        convert_options=pa.csv.ConvertOptions(
            column_types=_TYPES, include_columns=list(_TYPES), strings_can_be_null=False
        ),
    )


def _block(batch: pa.RecordBatch, names: _Names) -> _Block:
    tickers = batch.column("ticker")
    lookup = np.array([names.id_of(t) for t in tickers.dictionary.to_pylist()], dtype="int32")
    ids = lookup[tickers.indices.to_numpy()] if len(lookup) else np.empty(0, dtype="int32")
    if batch.column("window_start").null_count:
        raise ValueError("a row has no window_start")
    starts = batch.column("window_start").to_numpy()
    values = [batch.column(name).to_numpy(zero_copy_only=False) for name in COLUMNS]
    kept = ids != _UNWANTED
    if kept.all():
        return _Block(ids, starts, tuple(values))
    return _Block(ids[kept], starts[kept], tuple(column[kept] for column in values))


def _by_symbol(blocks: list[_Block], symbols: list[str]) -> dict[str, SymbolRows]:
    if not blocks:
        return {}
    ids = np.concatenate([block.ids for block in blocks])
    starts = np.concatenate([block.starts for block in blocks])
    values = [np.concatenate(column) for column in zip(*(b.columns for b in blocks), strict=True)]
    if (np.diff(ids) < 0).any():
        order = np.argsort(ids, kind="stable")
        ids, starts, values = ids[order], starts[order], [column[order] for column in values]
    bounds = np.searchsorted(ids, np.arange(len(symbols) + 1))
    return {
        symbol: SymbolRows(
            starts[low:high],
            {name: column[low:high] for name, column in zip(COLUMNS, values, strict=True)},
        )
        for symbol, low, high in zip(symbols, bounds[:-1], bounds[1:], strict=True)
        if high > low
    }
