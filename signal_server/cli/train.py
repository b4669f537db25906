"""`signal-server train`: from stored bars to a registered model."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.training.artifact import Manifest

SHOWN_FEATURES = 5


@click.command(name="train")
@click.option("--profile", help="Profile of the settings; serving.profile by default.")
@click.option("--symbols", type=SymbolList(), help="Symbols to learn from; all stored by default.")
@click.option("--start", type=Moment(), help="Use bars after this moment only.")
@click.option("--end", type=Moment(), help="Use bars up to this moment only.")
@pass_session
def command(
    session: Session,
    profile: str | None,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
) -> None:
    """Train, calibrate and validate a model on the stored bars, and register it.

    The parts follow each other in time: train, validation (early stopping), calibration, test.
    The printed results are those of the test part. Without training.pooled each symbol has a
    model of its own, PROFILE.SYMBOL.
    """
    from signal_server.cli.registration import admit
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.cli.training_parts import bars_for, counted, spec_of, specs_of_models
    from signal_server.training.registry import ModelRegistry
    from signal_server.training.train import train

    common = spec_of(session, profile, symbols)
    bars = bars_for(session, common, (start, end))
    registry = ModelRegistry(session.settings.models_dir)
    for spec in specs_of_models(common):
        registry.require_room(spec.profile_name)
    common = counted(session, common, "train")
    console = make_console()
    for spec in specs_of_models(common):
        with progress_bars() as report:
            trained = train(bars, spec, report)
        admission = admit(session.settings, trained)
        console.print(_table(admission.manifest))
        console.print(trained.card.validation.sentence)
        for line in admission.lines():
            console.print(line)


def _table(manifest: "Manifest") -> "Table":
    from rich.table import Table

    from signal_server.training.summary import describe

    table = Table(title=f"Model {manifest.id}, from {manifest.bar_seconds} s bars")
    for name in ("", "value", "beside it"):
        table.add_column(name, overflow="fold")
    table.add_row("symbols", ", ".join(manifest.symbols))
    table.add_row("features, boosting rounds", f"{len(manifest.feature_names)}, {manifest.rounds}")
    for part in ("train", "validation", "calibration", "test"):
        window = getattr(manifest.windows, part)
        period = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}"
        table.add_row(f"{part} part", period, f"{window.rows:,} rows")
    if manifest.training.refit:
        rows = f"all {manifest.served_window.rows:,} rows"
        table.add_row(
            "served booster", f"fitted again on {rows}", f"{manifest.served_rounds} rounds"
        )
    table.add_row("moved most by", ", ".join(list(manifest.shap_means)[:SHOWN_FEATURES]))
    table.add_section()
    for line in describe(manifest.validation):
        table.add_row(line.what, line.value, line.beside)
    return table
