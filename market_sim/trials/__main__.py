"""`python -m market_sim.trials faults|kills|soak|data`: real runs of the real parts."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console
from rich.live import Live
from rich.markup import escape

from market_sim.data_soak.report import data_report
from market_sim.data_soak.soak import DataWish, soak_data
from market_sim.soak_report import SoakReport
from market_sim.trials.killing import Point
from market_sim.trials.kills import Rounds, run_rounds
from market_sim.trials.matrix import cells_of, run_matrix
from market_sim.trials.report import MODES, matrix_table, progress_table, write_outcomes
from market_sim.trials.rows import ROWS
from market_sim.trials.soak import Wish, soak
from market_sim.trials.soak_report import soak_report
from market_sim.trials.trial import Outcome

PIPED_WIDTH = 180
REPORTS = Path("reports")


@click.group()
def main() -> None:
    """Run the real Hummingbot, or real live bars, against the stand-ins and judge what they did."""
    # Ended as by Ctrl-C, so that no bot outlives its trial.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


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
    live = Live(progress_table(seen, len(cells)), console=console, auto_refresh=False)
    with live if console.is_terminal else nullcontext():

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


@main.command()
@click.option("--points", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 8), default=3, show_default=True)
@click.option("--fresh", is_flag=True, help="Forget the rounds of an earlier run.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=REPORTS / "kills.json")
def kills(points: int, seed: int, jobs: int, fresh: bool, path: Path) -> None:
    """Kill the bot with kill -9 over the life of positions; exit with 1 if one point fails."""
    console = _console()
    done = Rounds(seed) if fresh else Rounds.read(path, seed)

    def report(number: int, found: Sequence[Point]) -> None:
        done.write(path)
        console.print(f"round {number}: {len(found)} points, {len(done.all)} of {points} in all")
        for problem in dict.fromkeys(f"{p.symbol}: {x}" for p in found for x in p.problems):
            console.print(f"  {escape(problem)}")
        if number in done.broken:
            console.print(escape(f"  broken: {done.broken[number][:2000]}"))

    asyncio.run(run_rounds(done, points, jobs, report))
    console.print(done.table())
    console.print(f"Written to {path}")
    sys.exit(0 if done.passed else 1)


@main.command("soak")
@click.option("--minutes", type=click.FloatRange(0.5), default=60, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--coins", type=click.IntRange(1, 100), default=100, show_default=True)
@click.option("--storm", "every_s", default=15.0, show_default=True, help="Seconds between faults.")
@click.option(
    "--pause", "pause_s", default=240.0, show_default=True, help="Seconds between deaths."
)
@click.option("--json", "path", type=click.Path(path_type=Path), default=REPORTS / "soak.json")
def soak_command(
    minutes: float, seed: int, coins: int, every_s: float, pause_s: float, path: Path
) -> None:
    """Trade for a long time through random faults and restarts; exit with 1 if a digit differs."""
    console = _console()
    result = asyncio.run(soak(Wish(minutes, seed, coins, every_s, pause_s), console.print))
    _conclude(soak_report(result), path, console)


@main.command("data")
@click.option("--minutes", type=click.FloatRange(0.2), default=60, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--symbols", type=click.IntRange(1, 100), default=100, show_default=True)
@click.option(
    "--storm", "storm_every_s", default=3.0, show_default=True, help="Seconds between faults."
)
@click.option("--pause", "pause_s", default=45.0, show_default=True, help="Seconds between deaths.")
@click.option("--speed", default=1.0, show_default=True, help="Of the market's clock.")
@click.option("--bars", type=click.Path(path_type=Path), help="Folder of real bars; else seeded.")
@click.option("--json", "path", type=click.Path(path_type=Path), default=REPORTS / "data.json")
def data_command(path: Path, bars: Path | None, **wish: Any) -> None:
    """Take live bars through storms and kills; exit with 1 if a bar is lost, doubled or wrong."""
    console = _console()
    files = () if bars is None else tuple(sorted(bars.glob("*.parquet")))
    result = asyncio.run(soak_data(DataWish(**wish, files=files), console.print))
    _conclude(data_report(result), path, console)


def _conclude(report: SoakReport, path: Path, console: Console) -> NoReturn:
    """Show and write a report; end with 1 if something is wrong."""
    console.print(report.table())
    report.write(path)
    for problem in report.problems:
        console.print(f"[red]{escape(problem)}[/]")
    console.print(f"Written to {path}")
    sys.exit(1 if report.problems else 0)


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


if __name__ == "__main__":
    main()
