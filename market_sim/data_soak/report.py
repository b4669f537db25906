"""What came of a soak of market data, as a table and as JSON."""

import json
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from market_sim.data_soak.soak import DataSoaked

_MIB = 1024 * 1024


def data_table(result: DataSoaked) -> Table:
    """Return figures and faults."""
    wish = result.wish
    verdict = f"{len(result.problems)} differences" if result.problems else "every bar agrees"
    title = f"{wish.minutes:g} min, {wish.symbols} symbols, seed {wish.seed}: {verdict}"
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for name, value in _figures(result).items():
        table.add_row(name, value)
    for name, count in sorted(result.faults.items()):
        table.add_row(name, str(count))
    return table


def write_data(path: Path, result: DataSoaked) -> None:
    """Write everything to a JSON file, and the consumer's log beside it if something is wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "figures": _figures(result),
        "faults": dict(sorted(result.faults.items())),
        "problems": result.problems,
    }
    partial = path.with_suffix(".json.tmp")
    partial.write_text(json.dumps(record, indent=1) + "\n")
    partial.replace(path)
    if result.log:
        path.with_suffix(".log").write_text(result.log)


def _figures(result: DataSoaked) -> dict[str, str]:
    waits = np.asarray(result.waits_ms or [np.nan]) / result.wish.speed
    return {
        **{name: str(count) for name, count in sorted(result.counts.items())},
        "from receipt to hand-over, p50, ms": f"{np.quantile(waits, 0.5):.2f}",
        "from receipt to hand-over, p99, ms": f"{np.quantile(waits, 0.99):.2f}",
        "memory of the last consumer, by quarters, MiB": _memory(result.resident),
        "faults that struck": str(sum(result.faults.values())),
    }


def _memory(resident: list[int]) -> str:
    """Return the median of each quarter of a life."""
    quarters = np.array_split(np.asarray(resident or [0]), 4)
    return " ".join(f"{np.median(part) / _MIB:.0f}" for part in quarters if len(part))
