"""`signal-server walk-forward`: what regular retraining would have been worth."""

from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Duration, Moment, SymbolList
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from rich.table import Table

    from signal_server.training.train import TrainingSpec
    from signal_server.training.walkforward import Pace, WalkForward


@click.command(name="walk-forward")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option("--symbols", type=SymbolList(), help="Symbols to learn from; all stored by default.")
@click.option("--start", type=Moment(), help="First training; a window after the first row.")
@click.option("--end", type=Moment(), help="Use bars up to this moment only.")
@click.option(
    "--every", type=Duration(positive=True), default="1d", show_default=True, help="Train so often."
)
@click.option(
    "--window",
    type=Duration(positive=True),
    default="180d",
    show_default=True,
    help="Learn from so much.",
)
@click.option(
    "--embargo", type=Duration(), help="Between learning and forecasting; a horizon by default."
)
@pass_session
def command(  # noqa: PLR0913 (one parameter an option)
    session: Session,
    profile: str | None,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
    every: timedelta,
    window: timedelta,
    embargo: timedelta | None,
) -> None:
    """Train again and again on a rolling window, and judge each model on the time after it.

    Every step learns, stops early and calibrates on its past alone. Its forecasts are kept in
    data/walkforward, so that a walk which was broken off goes on where it was. Without
    training.pooled each symbol has a walk of its own.
    """
    from signal_server.cli.screen import make_console
    from signal_server.cli.training_parts import (
        bars_for,
        counted,
        spec_of,
        specs_of_models,
    )
    from signal_server.market.stored import check_period
    from signal_server.training.walkforward import Pace, warm_up

    common = spec_of(session, profile, symbols)
    horizon = timedelta(seconds=common.profile.label.horizon_s)
    pace = Pace(every, window, horizon if embargo is None else embargo)
    check_period((start, end))
    first = None if start is None else start - window - pace.embargo - warm_up(common)
    bars = bars_for(session, common, (first, end))
    common = counted(session, common, "walk-forward", pace)
    root = session.settings.data_dir / "walkforward"
    console = make_console()
    for spec in specs_of_models(common):
        result, folder = _walk(bars, spec, (pace, start), root)
        console.print(_table(result))
        console.print(result.validation.sentence)
        console.print(f"Forecasts and results are in {folder}.")
        console.print(f"Report: {_write_page(session, result, folder.name)}")


def _write_page(session: Session, result: "WalkForward", key: str) -> Path:
    from signal_server.reports.report_folder import write_report
    from signal_server.reports.walk_report import walk_report

    folder = session.settings.reports_dir / f"walk-forward-{result.profile_name}-{key}"
    return write_report(folder, walk_report(result)) / "index.html"


def _walk(
    bars: "Mapping[str, pd.DataFrame]",
    spec: "TrainingSpec",
    when: "tuple[Pace, datetime | None]",
    root: Path,
) -> "tuple[WalkForward, Path]":
    from signal_server.cli.screen import counting_bar, progress_bars
    from signal_server.training.train import open_dataset
    from signal_server.training.walkforward import (
        folder_of,
        schedule_of,
        steps_at_once,
        walk_forward,
    )

    with ExitStack() as rows:
        with progress_bars() as report:
            dataset = rows.enter_context(open_dataset(bars, spec, report))
        schedule = schedule_of(dataset, *when)
        folder = folder_of(root, dataset, spec, schedule)
        at_once = steps_at_once(spec.training)
        with counting_bar("steps") as progress:
            result = walk_forward(
                dataset, spec, schedule, folder, progress=progress, at_once=at_once
            )
        return result, folder.path


def _table(result: "WalkForward") -> "Table":
    from rich.table import Table

    from signal_server.training.summary import describe, describe_periods

    schedule = result.schedule
    table = Table(
        title=f"{result.profile_name}, trained every {_days(schedule.every)} on "
        f"{_days(schedule.window)}, {schedule.start:%Y-%m-%d} to {schedule.end:%Y-%m-%d}"
    )
    for name in ("", "value", "beside it"):
        table.add_column(name, overflow="fold")
    table.add_row("symbols", ", ".join(result.symbols))
    rounds = sorted(step.rounds for step in result.steps)
    beside = f"boosting rounds {rounds[0]} to {rounds[-1]}{_shortfall(result)}"
    table.add_row("steps", f"{len(result.steps):,}", beside)
    table.add_section()
    for line in (*describe(result.validation), *describe_periods(result.validation)):
        table.add_row(line.what, line.value, line.beside)
    return table


def _shortfall(result: "WalkForward") -> str:
    """Say on how much the first model learned where the history does not fill its window."""
    first, schedule = result.steps[0], result.schedule
    if first.learned_from is None:
        return ""
    had = first.moment - schedule.embargo - first.learned_from
    return f"; the first on {_days(had)}, all there is" if had < 0.98 * schedule.window else ""


def _days(duration: timedelta) -> str:
    days = duration / timedelta(days=1)
    return f"{days:.3g} d" if days >= 1 else f"{duration / timedelta(hours=1):.3g} h"
