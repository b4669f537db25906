"""What came of a soak, as a table and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True, slots=True)
class SoakReport:
    """The figures by name, how often each fault struck, and what was wrong; then with a `log`."""

    title: str
    figures: Mapping[str, str]
    faults: Mapping[str, int]
    problems: Sequence[str]
    log: str

    def table(self) -> Table:
        """Return figures and faults."""
        table = Table(title=self.title, box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("what")
        table.add_column("how much", justify="right")
        for name, value in self.figures.items():
            table.add_row(name, value)
        for name, count in sorted(self.faults.items()):
            table.add_row(name, str(count))
        return table

    def write(self, path: Path) -> None:
        """Write everything to a JSON file, and the log beside it if there is one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {
            "figures": dict(self.figures),
            "faults": dict(sorted(self.faults.items())),
            "problems": list(self.problems),
        }
        partial = path.with_suffix(".json.tmp")
        partial.write_text(json.dumps(record, indent=1) + "\n")
        partial.replace(path)
        if self.log:
            path.with_suffix(".log").write_text(self.log)


def verdict(problems: Sequence[str], good: str) -> str:
    """Return how many differences there are, or what is good where there is none."""
    return f"{len(problems)} differences" if problems else good
