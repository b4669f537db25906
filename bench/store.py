"""The bar store against plain Parquet files of the same bars."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.market.frames import bars_of
from signal_server.market.store import BarStore

BARS = 260_000


def measure() -> list[Result]:
    """Return write, read, size and append figures."""
    bars, data = minute_bars(BARS)
    bars = bars[list(BAR_COLUMNS)]
    with TemporaryDirectory() as folder:
        return _measure(bars, data, Path(folder))


def _measure(bars: pd.DataFrame, data: str, folder: Path) -> list[Result]:
    plain = folder / "plain.parquet"
    numbers = iter(range(100))

    def write() -> None:
        BarStore(folder / str(next(numbers)), 60).write("BTC-USD", bars)

    written = interleaved_ms(write, lambda: bars.to_parquet(plain, compression="zstd"), 3)
    store = BarStore(folder / "0", 60)
    read = interleaved_ms(lambda: store.read("BTC-USD"), lambda: pd.read_parquet(plain), 7)
    size = sum(path.stat().st_size for path in store.folder.rglob("*.parquet"))
    (bar,) = bars_of("BTC-USD", bars.tail(1))
    appended = _append_ms(store, bar, folder)
    peer = "one Parquet file, pandas"
    return [
        Result("store_write", round(written[0], 1), "ms", round(written[1], 1), peer, data),
        Result("store_read", round(read[0], 1), "ms", round(read[1], 1), peer, data),
        Result(
            "store_size",
            round(size / len(bars), 1),
            "bytes a bar",
            round(plain.stat().st_size / len(bars), 1),
            peer,
            data,
        ),
        Result("live_append", *appended, "one bar"),
    ]


def _append_ms(store: BarStore, bar: Bar, folder: Path) -> tuple[float, str, float, str]:
    line = b"x" * 120

    def bare() -> None:
        with (folder / "bare").open("ab") as file:
            file.write(line)

    ours, other = interleaved_ms(lambda: store.append(bar), bare, 200)
    return round(ours, 4), "ms", round(other, 4), "bare append of as many bytes"
