"""Bars written out for others: one Parquet or CSV file, in pieces, and whole or not at all."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from signal_server.core.domain import BAR_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import INDEX_NAME
from signal_server.market.storage.files import settle

SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        (INDEX_NAME, pa.timestamp("us", tz="UTC")),
        *((name, pa.float64()) for name in BAR_COLUMNS),
    ]
)
Piece = tuple[str, pd.DataFrame]


def export_bars(pieces: Iterable[Piece], path: Path) -> int:
    """Write symbols' bars, as they come, to `path`; return how many there were.

    The suffix says how: `.parquet`, `.csv` or `.csv.gz`. Raises `MarketDataError` for another one,
    if there are no bars, or if the file cannot be written.
    """
    opened = _writer_for(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = _write(pieces, opened(partial))
        if not rows:
            raise MarketDataError("there are no bars to export; choose other symbols or times")
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
        settle(path.parent)
    except OSError as error:
        raise MarketDataError(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _write(pieces: Iterable[Piece], opened: AbstractContextManager[Any]) -> int:
    rows = 0
    with opened as writer:
        for symbol, frame in pieces:
            if len(frame):
                writer.write_table(_table(symbol, frame))
                rows += len(frame)
    return rows


def _table(symbol: str, frame: pd.DataFrame) -> pa.Table:
    columns = frame.reset_index().assign(symbol=symbol)
    return pa.Table.from_pandas(columns, schema=SCHEMA, preserve_index=False).cast(SCHEMA)


def _writer_for(path: Path) -> Callable[[Path], AbstractContextManager[Any]]:
    kinds = {".parquet": _parquet, ".csv": _csv, ".csv.gz": _csv_gz}
    for suffix, kind in kinds.items():
        if path.name.lower().endswith(suffix):
            return kind
    raise MarketDataError(f"{path} must end in {', '.join(kinds)}, which says how to write it")


def _parquet(path: Path) -> AbstractContextManager[Any]:
    writer: AbstractContextManager[Any] = pq.ParquetWriter(
        path, SCHEMA, compression="zstd", use_dictionary=["symbol"], write_page_checksum=True
    )
    return writer


def _csv(path: Path) -> AbstractContextManager[Any]:
    writer: AbstractContextManager[Any] = pc.CSVWriter(path, SCHEMA)
    return writer


@contextmanager
def _csv_gz(path: Path) -> Iterator[Any]:
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.CompressedOutputStream(file, "gzip") as packed,
        pc.CSVWriter(packed, SCHEMA) as writer,
    ):
        yield writer
