"""`signal-server tune`: search for a profile's booster parameters."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.core.config import BoosterConfig
    from signal_server.training.tuning import Tuning


@click.command(name="tune")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option("--symbols", type=SymbolList(), help="Symbols to learn from; all stored by default.")
@click.option("--start", type=Moment(), help="Use bars after this moment only.")
@click.option("--end", type=Moment(), help="Use bars up to this moment only.")
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="How many in all; those that are done already count.",
)
@pass_session
def command(
    session: Session,
    profile: str | None,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
    trials: int,
) -> None:
    """Search for booster parameters, and print the best for the settings.

    Every trial is judged on three purged folds of the rows before the calibration part. The
    calibration and test parts stay untouched. Broken off, it goes on where it was. Trials are
    counted, and `train` discounts its results by their number.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.cli.training_parts import bars_for, spec_of
    from signal_server.training.train import open_dataset
    from signal_server.training.tuning import tune

    spec = spec_of(session, profile, symbols)
    bars = bars_for(session, spec, (start, end))
    folder = session.settings.tuning_dir
    with progress_bars() as report, open_dataset(bars, spec, report) as dataset:
        found = tune(
            dataset, spec, folder, trials, progress=lambda done, of: report("trials", done / of)
        )
    console = make_console()
    console.print(_table(spec.profile_name, spec.training.booster, found))
    console.print(_advice(spec.profile_name, found))


def _table(profile: str, settings: "BoosterConfig", found: "Tuning") -> "Table":
    from rich.table import Table

    table = Table(title=f"Booster of {profile}")
    for name in ("", "settings", "best found"):
        table.add_column(name)
    best = found.best.model_dump()
    for name, value in settings.model_dump().items():
        table.add_row(name, f"{value:g}", f"{best[name]:.4g}")
    table.add_section()
    before = "" if found.settings_loss is None else f"{found.settings_loss:.5f}"
    table.add_row("log-loss of the folds", before, f"{found.loss:.5f}")
    table.add_row("trials, of them given up", "", f"{found.trials}, {found.pruned}")
    return table


def _advice(profile: str, found: "Tuning") -> str:
    """Return what to write into the settings, and what it costs to have searched."""
    best = ", ".join(f"{name}: {value:.4g}" for name, value in found.best.model_dump().items())
    return (
        f"To use it, write under profiles.{profile}:\n"
        f"    training: {{booster: {{{best}}}}}\n"
        f"{found.tried} models were tried for this profile so far; `train` discounts its Sharpe "
        "ratio by that number."
    )
