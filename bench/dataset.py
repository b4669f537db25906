"""Labels, and the memory that a dataset takes in blocks and as a whole."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.config import load_settings
from signal_server.core.domain import BAR_COLUMNS
from signal_server.features.catalogue import feature_names
from signal_server.labels import make_labels
from signal_server.market.store import BarStore
from signal_server.market.stored import StoredBars
from signal_server.training.dataset import DatasetSpec, build_dataset, iter_blocks, outline_dataset

BARS = 787_680
SYMBOLS = 5
MB = 1e6


def measure() -> list[Result]:
    """Return how long labels take, and the peak memory of a dataset of every bar."""
    return [*_labels(), *_memory()]


def _labels() -> list[Result]:
    bars, data = minute_bars(BARS)
    profiles = load_settings().profiles
    plain = profiles["direction-2h"].label
    names = {"barrier-24h": "label_barrier_24h", "trend-2h": "label_scaled_trend"}
    results = []
    for profile, name in names.items():
        label = profiles[profile].label
        ours, peer = interleaved_ms(
            lambda label=label: make_labels(bars, label, 60),
            lambda: make_labels(bars, plain, 60),
            5,
        )
        peer_name = "direction of the same bars"
        results.append(Result(name, round(ours), "ms", round(peer), peer_name, data))
    return results


def _memory() -> list[Result]:
    bars, data = minute_bars(BARS)
    with TemporaryDirectory() as folder:
        store = BarStore(Path(folder), 60)
        for number in range(SYMBOLS):
            store.write(f"COIN{number}-USD", bars[list(BAR_COLUMNS)])
        peaks = {how: _peak_mb(how, folder) for how in ("nothing", "blocks", "whole")}
    what = f"{SYMBOLS} symbols of {data}, every bar, 52 features"
    return [
        Result(
            "dataset_peak_memory",
            round(peaks["blocks"]),
            "MB",
            round(peaks["whole"]),
            f"the whole in one matrix; imports alone {peaks['nothing']:.0f} MB",
            what,
        )
    ]


def _peak_mb(how: str, folder: str) -> float:
    command = [sys.executable, "-m", "bench.dataset", how, folder]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _walk_through(how: str, folder: str) -> None:
    """Make the dataset in blocks or as a whole, and print the peak memory in MB."""
    store = BarStore(Path(folder), 60)
    bars = StoredBars(store, store.symbols())
    label = load_settings().profiles["direction-2h"].label
    spec = DatasetSpec(feature_names("indicators", trade_counts=False), label, 60, 1)
    if how == "whole":
        build_dataset(bars, spec, lambda _: None)
    elif how == "blocks":
        outline = outline_dataset(bars, spec)
        if sum(len(block.rows) for block in iter_blocks(bars, outline)) != len(outline):
            raise SystemExit("the blocks do not hold every row once")
    print(own_peak_mb())


def own_peak_mb() -> float:
    """Return the peak of this program alone; ru_maxrss counts in the one that started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / MB


if __name__ == "__main__":
    _walk_through(*sys.argv[1:])
