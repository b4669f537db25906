"""The bar store against plain Parquet files of the same bars, by pyarrow and by polars."""

import os
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.market.frames import bars_of
from signal_server.market.store import BarStore

BARS = 260_000
SYMBOLS = 100
COLUMNS = ["open", "high", "low", "close", "volume"]


def measure() -> list[Result]:
    """Return size, write, read, scan and append figures."""
    bars, data = minute_bars(BARS)
    bars = bars[list(BAR_COLUMNS)].assign(transactions=float("nan"))
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = BarStore(folder / "bars", 60)
        store.write("BTC-USD", bars)
        return [
            *_writing(bars, data, folder),
            *_reading(store, bars, data, folder),
            *_scanning(store, folder / "polars", f"{SYMBOLS} times {data}"),
            Result("live_append", *_append_ms(store, bars_of("BTC-USD", bars.tail(1))[0], folder)),
        ]


def _writing(bars: pd.DataFrame, data: str, folder: Path) -> list[Result]:
    numbers = iter(range(100))

    def write() -> None:
        BarStore(folder / str(next(numbers)), 60).write("BTC-USD", bars)

    plain = folder / "written.parquet"
    ours, other = interleaved_ms(write, lambda: _write_plain(bars, plain), 5)
    peer = "the same months, pyarrow zstd, one thread, synced"
    return [Result("store_write", round(ours, 1), "ms", round(other, 1), peer, data)]


def _write_plain(bars: pd.DataFrame, path: Path) -> None:
    """Write as many files, as durably, with the library's own encodings."""
    for _, part in bars.groupby(pd.DatetimeIndex(bars.index).month):
        pq.write_table(pa.Table.from_pandas(part), path, compression="zstd")
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _reading(store: BarStore, bars: pd.DataFrame, data: str, folder: Path) -> list[Result]:
    plain, by_polars = folder / "plain", folder / "polars"
    for place in (plain, by_polars):
        place.mkdir()
    for month, part in bars.groupby(pd.DatetimeIndex(bars.index).strftime("%Y-%m")):
        part.to_parquet(plain / f"{month}.parquet", compression="zstd")
        pl.from_pandas(part.reset_index()).write_parquet(by_polars / f"{month}.parquet")
    read = lambda: store.read("BTC-USD")  # noqa: E731 - timed twice
    pandas_ms = interleaved_ms(read, lambda: pd.read_parquet(plain), 15)
    polars_ms = interleaved_ms(read, lambda: pl.read_parquet(by_polars / "*.parquet"), 15)
    size = store.size("BTC-USD") / len(bars)
    return [
        _figure("store_read", pandas_ms, "the same months, pandas", data),
        _figure("store_read_polars", polars_ms, "the same months, polars, no frame", data),
        Result(
            "store_size",
            round(size, 1),
            "bytes a bar",
            round(_bytes(by_polars) / len(bars), 1),
            f"polars zstd; pandas zstd {_bytes(plain) / len(bars):.1f}",
            data,
        ),
    ]


def _scanning(store: BarStore, by_polars: Path, data: str) -> list[Result]:
    """Read the bars of many symbols as anyone would, and through the store."""
    for number in range(1, SYMBOLS):
        copytree(store.folder / "BTC-USD", store.folder / f"COIN{number}-USD")
        copytree(by_polars, by_polars.with_name(f"{by_polars.name}-{number}"))
    ours = _means(store.folder / "*" / "*.parquet")
    theirs = _means(by_polars.with_name(f"{by_polars.name}*") / "*.parquet")
    peer = "means of five columns of files as polars writes them"
    through = "means of five columns, polars"
    return [
        _figure("scan_26m_bars", interleaved_ms(ours, theirs, 3), peer, data),
        _figure("store_read_26m_bars", interleaved_ms(_by_store(store), ours, 3), through, data),
    ]


def _means(pattern: Path) -> Callable[[], object]:
    return lambda: pl.scan_parquet(pattern).select(pl.col(COLUMNS).mean()).collect()


def _by_store(store: BarStore) -> Callable[[], None]:
    def read() -> None:
        for symbol in store.symbols():
            store.read(symbol)

    return read


def _figure(name: str, taken: tuple[float, float], peer: str, data: str) -> Result:
    return Result(name, round(taken[0], 1), "ms", round(taken[1], 1), peer, data)


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _append_ms(store: BarStore, bar: Bar, folder: Path) -> tuple[float, str, float, str, str]:
    line = b"x" * 120

    def bare() -> None:
        with (folder / "bare").open("ab") as file:
            file.write(line)

    ours, other = interleaved_ms(lambda: store.append(bar), bare, 200)
    peer = "bare append of as many bytes"
    return round(ours, 4), "ms", round(other, 4), peer, "one bar"
