"""What came of a soak, as a table and as JSON."""

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from market_sim.trials.soak import Soaked


def soak_table(result: Soaked) -> Table:
    """Return memory, counts and faults."""
    verdict = f"{len(result.problems)} differences" if result.problems else "every digit agrees"
    title = f"{result.wish.minutes:g} min, {result.wish.coins} coins, seed {result.wish.seed}"
    table = Table(title=f"{title}: {verdict}", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what")
    table.add_column("how much", justify="right")
    for name, value in _figures(result).items():
        table.add_row(name, value)
    for name, count in sorted(result.faults.items()):
        table.add_row(name, str(count))
    return table


def write_soak(path: Path, result: Soaked) -> None:
    """Write everything to a JSON file, and the bot's log beside it if something is wrong."""
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


def _figures(result: Soaked) -> dict[str, str]:
    memory = result.memory
    return {
        "memory at the start, MiB": f"{memory.start_mib:.0f}",
        "memory at the end, MiB": f"{memory.end_mib:.0f}",
        "memory at the most, MiB": f"{memory.peak_mib:.0f}",
        "earned, quote currency": f"{result.earned:f}",
        **{name: str(count) for name, count in sorted(result.counts.items())},
        "faults that struck": str(sum(result.faults.values())),
    }
