"""`make bench`: measure every subject, print a table, write `bench/results.json`.

`python -m bench store live` measures these subjects alone and replaces their figures in the file.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
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
    measured: dict[str, list[Result]] = {}
    for name in sys.argv[1:] or SUBJECTS:
        with console.status(f"measuring {name}"):
            measured[name] = SUBJECTS[name]()
    console.print(_table([result for results in measured.values() for result in results]))
    write(RESULTS, measured)
    console.print(f"Written to {RESULTS.relative_to(Path.cwd())}")
    return 0


def write(path: Path, measured: Mapping[str, list[Result]]) -> None:
    """Replace the figures of the measured subjects in the file, in one step."""
    now = {"measured_at": utc_now().isoformat(timespec="seconds")}
    rows = [row for row in _held(path) if row.get("subject") in SUBJECTS.keys() - measured.keys()]
    for subject, results in measured.items():
        rows += [{"subject": subject, **asdict(result), **now} for result in results]
    partial = path.with_suffix(".json.tmp")
    text = json.dumps({"machine": machine(), "results": rows}, indent=1)
    partial.write_text(text + "\n", encoding="utf-8")
    partial.replace(path)


def _held(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return rows


def machine() -> dict[str, Any]:
    """Return what the figures depend on beside the code."""
    return {
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
