"""`signal-server walk-forward`: what regular retraining would have been worth."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Duration, Moment, SymbolList
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from rich.table import Table

    from signal_server.training.train import TrainingSpec
    from signal_server.training.walkforward import WalkForward


@click.command(name="walk-forward")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option("--symbols", type=SymbolList(), help="Symbols to learn from; all stored by default.")
@click.option("--start", type=Moment(), help="First training; a window after the first row.")
@click.option("--end", type=Moment(), help="Use bars up to this moment only.")
@click.option("--every", type=Duration(), default="1d", show_default=True, help="Train so often.")
@click.option(
    "--window", type=Duration(), default="180d", show_default=True, help="Learn from so much."
)
@click.option(
    "--embargo", type=Duration(), help="Between learning and forecasting; a horizon by default."
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Models tried before this one was chosen, itself included.",
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
    trials: int,
) -> None:
    """Train again and again on a rolling window, and judge each model on the time after it.

    Every step learns, stops early and calibrates on its past alone. Its forecasts are kept in
    data/walkforward, so that a walk which was broken off goes on where it was.
    """
    from signal_server.cli.screen import counting_bar, make_console, progress_bars
    from signal_server.training.walkforward import (
        Pace,
        build_rows,
        folder_of,
        schedule_of,
        walk_forward,
    )

    spec = _spec(session, profile or session.settings.serving.profile, trials)
    horizon = timedelta(seconds=spec.profile.label.horizon_s)
    pace = Pace(every, window, horizon if embargo is None else embargo)
    bars = _read(session, symbols, spec, (start and start - window, end))
    with progress_bars() as report:
        dataset = build_rows(bars, spec, lambda share: report("features", share))
    schedule = schedule_of(dataset, pace, start)
    folder = folder_of(session.settings.data_dir / "walkforward", dataset, spec, schedule)
    with counting_bar("steps") as progress:
        result = walk_forward(dataset, spec, schedule, folder, progress)
    console = make_console()
    console.print(_table(result))
    console.print(result.validation.sentence)
    console.print(f"Forecasts and results are in {folder.path}.")


def _spec(session: Session, name: str, trials: int) -> "TrainingSpec":
    from signal_server.core.costs import Costs
    from signal_server.training.train import TrainingSpec

    settings = session.settings
    costs = Costs(settings.backtest.fee_bps, settings.backtest.slippage_bps)
    return TrainingSpec(
        name,
        session.profile(name),
        settings.training_of(name),
        settings.bar_seconds,
        round_trip_bps=costs.round_trip_bps,
        trials=trials,
    )


def _read(
    session: Session,
    symbols: tuple[str, ...] | None,
    spec: "TrainingSpec",
    period: tuple[datetime | None, datetime | None],
) -> "Mapping[str, pd.DataFrame]":
    """Read the bars of the period and of the features' warm-up before it."""
    from signal_server.core.errors import NoHistoryError
    from signal_server.market.store import BarStore
    from signal_server.training.walkforward import warm_up

    settings = session.settings
    store = BarStore(settings.bars_dir, settings.bar_seconds)
    start = period[0] and period[0] - warm_up(spec)
    frames = {symbol: store.read(symbol, start, period[1]) for symbol in symbols or store.symbols()}
    missing = [symbol for symbol, frame in frames.items() if not len(frame)]
    if missing or not frames:
        what = f"of {', '.join(missing)} " if missing else ""
        raise NoHistoryError(
            f"no bars {what}to walk over; fetch them with `signal-server backfill`"
        )
    return frames


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
    table.add_row("steps", f"{len(result.steps):,}", f"boosting rounds {rounds[0]} to {rounds[-1]}")
    table.add_section()
    for line in (*describe(result.validation), *describe_periods(result.validation)):
        table.add_row(line.what, line.value, line.beside)
    return table


def _days(duration: timedelta) -> str:
    days = duration / timedelta(days=1)
    return f"{days:g} d" if days >= 1 else f"{duration / timedelta(hours=1):g} h"
