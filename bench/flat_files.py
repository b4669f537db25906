"""Flat files in a folder, 100 symbols, into the store: bars a second and peak memory.

`python -m bench.flat_files 6` measures six months instead of one.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from bench.bars import minute_bars
from bench.result import Result
from market_sim.flat_file_days import flat_file
from signal_server.market.flat_files.folder import FlatFileFolder
from signal_server.market.flat_files.intake import FlatFileIntake
from signal_server.market.flat_files.ledger import Ledger
from signal_server.market.flat_files.plan import FlatFileRequest
from signal_server.market.store import BarStore

SYMBOLS = tuple(f"C{n:03}-USD" for n in range(100))
UNWANTED = tuple(f"U{n:03}-USD" for n in range(20))
FIRST = date(2024, 7, 1)
MONTH_DAYS = 31
_MINUTES = 1440


def measure(months: int = 1) -> list[Result]:
    """Return speed and memory of an import of so many months."""
    days = [FIRST + timedelta(days=n) for n in range(months * 182 // 6 if months > 1 else 31)]
    with TemporaryDirectory() as folder:
        files = Path(folder) / "files"
        files.mkdir()
        with ProcessPoolExecutor() as processes:
            list(processes.map(write_day, [files] * len(days), days))
        floor_s, floor_cpu_s = _parse(files)
        told = _in_a_process(files, Path(folder) / "data")
    bars = int(told["bars"])
    what = f"{len(SYMBOLS)} symbols, {len(days)} days, {bars:,} bars, and {len(UNWANTED)} unwanted"
    rate, floor = bars / told["seconds"] / 1e6, bars / floor_s / 1e6
    return [
        Result(
            "flat_files_import",
            round(rate, 2),
            "million bars/s",
            round(floor, 2),
            "gunzip and pyarrow.csv alone, one core",
            what,
        ),
        Result(
            "flat_files_cpu",
            round(told["cpu_s"] / bars * 1e6, 2),
            "CPU µs a bar",
            round(floor_cpu_s / bars * 1e6, 2),
            "gunzip and pyarrow.csv alone, one core",
            what,
        ),
        Result(
            "flat_files_peak_memory",
            round(told["peak_mb"]),
            "MB",
            round(told["before_mb"]),
            "the process before it begins",
            what,
        ),
    ]


def write_day(folder: Path, day: date) -> None:
    """Write a day's file: real minutes, those of another place in history for each symbol."""
    source, _ = minute_bars(260_000)
    source = source.reset_index(drop=True)
    start = pd.Timestamp(day, tz="UTC")
    stamps = pd.date_range(start, periods=_MINUTES, freq="min").as_unit("ns")
    wanted, unwanted = len(SYMBOLS), len(UNWANTED)
    shifts = np.random.default_rng(day.toordinal()).integers(0, 250_000, wanted + unwanted)
    flat = {
        symbol: source.iloc[shift : shift + _MINUTES].assign(timestamp=stamps)
        for symbol, shift in zip((*SYMBOLS, *UNWANTED), shifts.tolist(), strict=True)
    }
    (folder / f"{day}.csv.gz").write_bytes(flat_file(flat))


def import_all(files: Path, data: Path) -> dict[str, float]:
    """Import a folder in this process; return seconds, CPU seconds, bars and peak memory."""
    before_mb = _peak_mb()
    source = FlatFileFolder(files)
    store = BarStore(data / "bars", 60)
    ledger = Ledger(data / "flat_files" / "ledger.sqlite")
    intake = FlatFileIntake(source, store, ledger, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    request = FlatFileRequest(SYMBOLS, source.days[0], source.days[-1])
    started, cpu = time.perf_counter(), time.process_time()
    result = intake.run(request, lambda _: None)
    return {
        "seconds": time.perf_counter() - started,
        "cpu_s": time.process_time() - cpu,
        "bars": sum(landed.new_bars for landed in result.symbols.values()),
        "before_mb": before_mb,
        "peak_mb": _peak_mb(),
    }


def _in_a_process(files: Path, data: Path) -> dict[str, float]:
    """Import in a process of its own, whose memory is that of the import alone."""
    command = [sys.executable, "-m", "bench.flat_files", str(files), str(data)]
    told: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=-1).stdout)
    return told


def _parse(files: Path) -> tuple[float, float]:
    """Return seconds and CPU seconds of reading all files and keeping nothing."""
    started, cpu = time.perf_counter(), time.process_time()
    for path in sorted(files.iterdir()):
        for _ in _batches(path):
            pass
    return time.perf_counter() - started, time.process_time() - cpu


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "gzip") as text:
        yield from pa.csv.open_csv(text, read_options=pa.csv.ReadOptions(use_threads=False))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(import_all(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        for figure in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
            print(figure)
