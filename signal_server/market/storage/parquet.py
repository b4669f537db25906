"""Bar frames as Parquet: exact, small, checked when read, and readable by anyone.

The columns are `close_time` (UTC) and those of the frame; NaN is written as null, so that a column
that a source does not have costs nothing. Doubles stay doubles: an encoding that fits prices
better than plain ones under zstd was not found, and dictionaries double the size. Parquet checks
its pages alone; a checksum in the footer covers every byte of the file, the footer's own, too.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from signal_server.core.domain import BAR_COLUMNS, PRICE_COLUMNS
from signal_server.market.frames import INDEX_NAME

SEEN = "seen_at"
REVISION_COLUMNS = (*BAR_COLUMNS, SEEN)
QUARANTINE_COLUMNS = (*BAR_COLUMNS, "reason", "source", SEEN)
DAMAGE = (OSError, LookupError, ValueError, TypeError, OverflowError, pa.ArrowException)
"""What reading a file that is no bar file, or no longer one, can raise."""

_ZSTD_LEVEL = 3
_SUM_KEY, _MARK = b"checksum", b"crc32 of this file with zeros here:"
_NO_SUM = b"00000000"
_LONGEST_FOOTER = 65_536
_SURE = (INDEX_NAME, *PRICE_COLUMNS, "volume")
_TEXT = ("reason", "source")
_TIME = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Columns:
    """The closes of some rows, in microseconds UTC, and numbers beside them."""

    times: npt.NDArray[np.int64]
    numbers: Mapping[str, npt.NDArray[np.float64]]


def encode(frame: pd.DataFrame) -> pa.Buffer:
    """Return a Parquet file of a frame whose index is `close_time`."""
    table = pa.Table.from_pandas(frame, nthreads=1)
    names = [INDEX_NAME, *frame.columns]
    metadata = {**table.schema.metadata, _SUM_KEY: _MARK + _NO_SUM}
    schema = pa.schema([_field(table, name) for name in names], metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.select(names).cast(schema),
        sink,
        compression="zstd",
        compression_level=_ZSTD_LEVEL,
        use_dictionary=[name for name in names if name in _TEXT],
        column_encoding={name: _encoding(name) for name in names if name not in _TEXT},
        write_statistics=[INDEX_NAME],
        write_page_checksum=True,
    )
    return _summed(sink.getvalue())


def is_whole(content: pa.Buffer) -> bool:
    """Tell if the file has a checksum; raise `ValueError` if it does not fit."""
    whole = memoryview(content)
    footer = bytes(whole[-_LONGEST_FOOTER:])
    at = footer.rfind(_MARK)
    if at < 0:
        return False
    start = len(whole) - len(footer) + at + len(_MARK)
    end = start + len(_NO_SUM)
    found = zlib.crc32(whole[end:], zlib.crc32(_NO_SUM, zlib.crc32(whole[:start])))
    if bytes(whole[start:end]) != b"%08x" % found:
        raise ValueError("its checksum does not fit")
    return True


def checked(content: pa.Buffer, columns: Sequence[str]) -> pa.Table:
    """Read as `decode` does, after the file's checksum, or by its pages' if it has none."""
    return decode(content, columns, by_page=not is_whole(content))


def decode(content: pa.Buffer, columns: Sequence[str], *, by_page: bool) -> pa.Table:
    """Read `close_time` and some columns; raise one of `DAMAGE` if that is not possible.

    Pages' checksums are looked at if asked for. `seen_at` is null where an early version has none.
    """
    with pq.ParquetFile(pa.BufferReader(content), page_checksum_verification=by_page) as parquet:
        there = set(parquet.schema_arrow.names)
        wanted = [name for name in (INDEX_NAME, *columns) if name in there or name != SEEN]
        missing = sorted(set(wanted) - there)
        if missing:
            raise LookupError(f"has no column {', '.join(missing)}")
        table = parquet.read(columns=wanted, use_threads=False)
    _check_types(table)
    if not table.num_rows:
        raise ValueError("holds no bars, and none is written without them")
    if SEEN in columns and SEEN not in there:
        table = table.append_column(SEEN, pa.nulls(table.num_rows, _TIME))
    return table


def closes_of(content: pa.Buffer) -> tuple[pd.Timestamp, pd.Timestamp, int]:
    """Return the first and last close and the number of rows, without reading the rows."""
    is_whole(content)
    with pq.ParquetFile(pa.BufferReader(content)) as parquet:
        metadata = parquet.metadata
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
    chunks = [_column(group, INDEX_NAME).statistics for group in groups]
    if not chunks:
        raise ValueError("holds no bars, and none is written without them")
    first, last = min(chunk.min for chunk in chunks), max(chunk.max for chunk in chunks)
    return pd.Timestamp(first), pd.Timestamp(last), metadata.num_rows


def columns_of(table: pa.Table, names: Sequence[str]) -> Columns:
    """Return the numbers of a table, missing ones as NaN."""
    # Earlier files may hold other units of time.
    times = table[INDEX_NAME].cast(_TIME).cast(pa.int64()).to_numpy()
    return Columns(times, {name: _numbers(table[name]) for name in names})


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return a column without a copy if it is in one piece and has no nulls."""
    whole = column.num_chunks == 1 and not column.null_count
    values: npt.NDArray[np.float64] = column.chunk(0).to_numpy() if whole else column.to_numpy()
    return values


def rows_of(content: pa.Buffer) -> int:
    """Return how many rows a file says it has."""
    with pq.ParquetFile(pa.BufferReader(content)) as parquet:
        return int(parquet.metadata.num_rows)


class Block:
    """Room for parts that follow each other, which are put in place in any order."""

    def __init__(self, rows: Sequence[int], names: Sequence[str]) -> None:
        self._names = names
        self._ends = [0, *np.cumsum(rows)]
        self._times = np.empty(self._ends[-1], dtype="int64")
        self._numbers = np.empty((len(names), self._ends[-1]))

    def put(self, number: int, part: Columns) -> None:
        """Put a part in its place; raise `ValueError` if it has other rows than foretold."""
        here = slice(self._ends[number], self._ends[number + 1])
        if len(part.times) != here.stop - here.start:
            raise ValueError("holds other rows than its footer says")
        self._times[here] = part.times
        for row, name in enumerate(self._names):
            self._numbers[row, here] = part.numbers[name]

    def frame(self) -> pd.DataFrame:
        """Return all as a frame, without another copy."""
        index, columns = _index(self._times), pd.Index(self._names)
        return pd.DataFrame(self._numbers.T, index=index, columns=columns, copy=False)


def mixed_frame(table: pa.Table) -> pd.DataFrame:
    """Return a table of numbers, texts and times as a frame."""
    frame: pd.DataFrame = table.replace_schema_metadata(None).to_pandas().set_index(INDEX_NAME)
    index = pd.DatetimeIndex(frame.index).as_unit("us")
    frame.index = index.rename(INDEX_NAME)
    return frame


def _summed(content: pa.Buffer) -> pa.Buffer:
    """Put the checksum into the place that was left for it."""
    at = content.to_pybytes().rfind(_MARK) + len(_MARK)
    whole = bytearray(content)
    whole[at : at + len(_NO_SUM)] = b"%08x" % zlib.crc32(content)
    return pa.py_buffer(whole)


def _check_types(table: pa.Table) -> None:
    for field in table.schema:
        fits = pa.types.is_floating if field.name in BAR_COLUMNS else pa.types.is_timestamp
        if field.name not in _TEXT and not fits(field.type):
            raise TypeError(f"holds {field.type} as {field.name}")


def _index(times: npt.NDArray[np.int64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times.view("M8[us]"), name=INDEX_NAME).tz_localize("UTC")


def _field(table: pa.Table, name: str) -> pa.Field:
    """Return a column's type; what no bar lacks is required, which is read sooner."""
    sure = name in _SURE and not table[name].null_count
    if name in _TEXT:
        return table.schema.field(name)
    kind = pa.float64() if name in BAR_COLUMNS else _TIME
    return pa.field(name, kind, nullable=not sure)


def _encoding(name: str) -> str:
    if name in {INDEX_NAME, SEEN}:
        return "DELTA_BINARY_PACKED"
    return "BYTE_STREAM_SPLIT" if name == "transactions" else "PLAIN"


def _column(group: Any, name: str) -> Any:
    columns = (group.column(n) for n in range(group.num_columns))
    return next(column for column in columns if column.path_in_schema == name)
