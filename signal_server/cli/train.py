"""`signal-server train`: from stored bars to a registered model."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from signal_server.market.store import BarStore
    from signal_server.training.artifact import Manifest


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
    The printed results are those of the test part.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.core.costs import Costs
    from signal_server.market.store import BarStore
    from signal_server.training.registry import ModelRegistry
    from signal_server.training.train import TrainingSpec, train

    settings = session.settings
    name = profile or settings.serving.profile
    spec = TrainingSpec(
        name,
        session.profile(name),
        settings.training_of(name),
        settings.bar_seconds,
        round_trip_bps=Costs(
            settings.backtest.fee_bps, settings.backtest.slippage_bps
        ).round_trip_bps,
    )
    store = BarStore(settings.bars_dir, settings.bar_seconds)
    bars = _read(store, symbols, (start, end))
    with progress_bars() as report:
        trained = train(bars, spec, report)
    manifest = ModelRegistry(settings.models_dir).register(trained)
    console = make_console()
    console.print(_table(manifest, bars))
    console.print(manifest.validation.sentence)
    console.print(f"Registered as {manifest.id} {manifest.version} in {settings.models_dir}.")


def _read(
    store: "BarStore",
    symbols: tuple[str, ...] | None,
    period: tuple[datetime | None, datetime | None],
) -> "Mapping[str, pd.DataFrame]":
    from signal_server.core.errors import NoHistoryError

    frames = {symbol: store.read(symbol, *period) for symbol in symbols or store.symbols()}
    missing = [symbol for symbol, frame in frames.items() if not len(frame)]
    if missing or not frames:
        what = f"of {', '.join(missing)} " if missing else ""
        raise NoHistoryError(f"no bars {what}to train on; fetch them with `signal-server backfill`")
    return frames


def _table(manifest: "Manifest", bars: "Mapping[str, pd.DataFrame]") -> "Table":
    from rich.table import Table

    from signal_server.training.summary import describe

    table = Table(title=f"Model {manifest.id}, from {manifest.bar_seconds} s bars")
    for name in ("", "value", "beside it"):
        table.add_column(name, overflow="fold")
    table.add_row("bars", ", ".join(f"{s} {len(frame):,}" for s, frame in bars.items()))
    table.add_row("features, boosting rounds", f"{len(manifest.feature_names)}, {manifest.rounds}")
    for part in ("train", "validation", "calibration", "test"):
        window = getattr(manifest.windows, part)
        table.add_row(
            f"{part} part", f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}"
        )
    table.add_section()
    for line in describe(manifest.validation):
        table.add_row(line.what, line.value, line.beside)
    return table
