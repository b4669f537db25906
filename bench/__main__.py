"""`make bench`: measure every subject, print a table, write `bench/results.json`."""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench import (
    dataset,
    features,
    flat_files,
    history,
    live,
    quality,
    recovery,
    script_tick,
    signal_latency,
    store,
    training,
    walkforward,
)
from bench.result import Result
from signal_server.core.clock import utc_now

RESULTS = Path(__file__).with_name("results.json")
PIPED_WIDTH = 140
PACKAGES = ("numpy", "pandas", "xgboost", "TA-Lib", "pandas-ta", "grpcio", "pyarrow")


def _latency() -> list[Result]:
    """Return the serving figures in the form of the others."""
    return [
        Result(
            str(row["name"]),
            float(str(row["value"])),
            str(row["unit"]),
            float(str(row["floor"])),
            "bare TCP lines to as many clients",
            str(row["data"]),
        )
        for row in signal_latency.measure()
    ]


SUBJECTS: dict[str, Callable[[], list[Result]]] = {
    "features": features.measure,
    "store": store.measure,
    "flat_files": flat_files.measure,
    "quality": quality.measure,
    "history": history.measure,
    "live": live.measure,
    "dataset": dataset.measure,
    "training": training.measure,
    "walkforward": walkforward.measure,
    "serving": _latency,
    "script": script_tick.measure,
    "recovery": recovery.measure,
}


def main() -> int:
    """Run all subjects, or those named on the command line."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    chosen = sys.argv[1:] or list(SUBJECTS)
    results: list[Result] = []
    for name in chosen:
        with console.status(f"measuring {name}"):
            results += SUBJECTS[name]()
    console.print(_table(results))
    if not sys.argv[1:]:
        write(RESULTS, results)
        console.print(f"Written to {RESULTS.relative_to(Path.cwd())}")
    return 0


def write(path: Path, results: list[Result]) -> None:
    """Replace the file of results in one step."""
    partial = path.with_suffix(".json.tmp")
    text = json.dumps({"machine": machine(), "results": [asdict(r) for r in results]}, indent=1)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    return {
        "measured_at": utc_now().isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _table(results: list[Result]) -> Table:
    title = f"{os.cpu_count()} cores, {platform.machine()}; medians unless said"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    for name in ("figure", "ours", "floor or peer", "unit", "which"):
        table.add_column(name, justify="right" if name in {"ours", "floor or peer"} else "left")
    for r in results:
        table.add_row(r.name, f"{r.value:g}", f"{r.floor:g}", r.unit, r.floor_name)
    return table


if __name__ == "__main__":
    sys.exit(main())
