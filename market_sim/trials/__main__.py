"""`python -m market_sim.trials faults|kills|soak`: real runs of the real Hummingbot."""

import asyncio
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from market_sim.trials.matrix import cells_of, run_matrix
from market_sim.trials.report import MODES, matrix_table, progress_table, write_outcomes
from market_sim.trials.rows import ROWS
from market_sim.trials.trial import Outcome

PIPED_WIDTH = 180
REPORTS = Path("reports")


@click.group()
def main() -> None:
    """Run the real Hummingbot against the stand-ins and judge what it did."""


@main.command()
@click.option("--only", multiple=True, help="Rows whose name contains this; can be repeated.")
@click.option("--mode", type=click.Choice(["both", *MODES]), default="both", show_default=True)
@click.option("--jobs", type=click.IntRange(1, 8), default=3, show_default=True)
@click.option("--json", "path", type=click.Path(path_type=Path), default=REPORTS / "faults.json")
def faults(only: tuple[str, ...], mode: str, jobs: int, path: Path) -> None:
    """Run the fault matrix; exit with 1 if any cell fails."""
    rows = [row for row in ROWS if not only or any(word in row.name for word in only)]
    cells = cells_of(rows, MODES if mode == "both" else (mode,))
    console, seen = _console(), list[Outcome]()
    with Live(progress_table(seen, len(cells)), console=console, auto_refresh=False) as live:

        def report(outcome: Outcome) -> None:
            seen.append(outcome)
            write_outcomes(path, rows, seen)
            if console.is_terminal:
                live.update(progress_table(seen, len(cells)), refresh=True)
            else:
                verdict = "ok" if outcome.passed else f"FAILS {'; '.join(outcome.problems)}"
                took = f"{outcome.took_s:.0f} s"
                console.print(
                    f"{len(seen)}/{len(cells)} {outcome.row} ({outcome.mode}, {took}): {verdict}"
                )

        outcomes = asyncio.run(run_matrix(cells, jobs, report))
    console.print(matrix_table(rows, outcomes))
    console.print(f"Written to {path}")
    sys.exit(0 if outcomes and all(outcome.passed for outcome in outcomes) else 1)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


if __name__ == "__main__":
    main()
