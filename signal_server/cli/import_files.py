"""`signal-server import`: bars from files into the bar store."""

from datetime import datetime
from pathlib import Path

import click

from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", help="The files' symbol; read from the file or its name by default.")
@pass_session
def command(session: Session, files: tuple[Path, ...], symbol: str | None) -> None:
    """Import bars from Parquet, Polygon flat files (.csv.gz) or Kraken OHLCVT archives.

    The format is found from the content. A file that cannot be read whole is not imported.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.market.imports import read_import

    settings = session.settings
    store = open_store(settings)
    console = make_console()
    with progress_bars() as report:
        for path in files:
            report(path.name, 0.0)
            found = read_import(path, settings.bar_seconds, symbol)
            report(path.name, 0.5)
            for name, frame in found.frames.items():
                new = store.write(name, frame)
                console.print(f"{_held(store.span(name), name)} ({new:,} new)")
            if found.refused_bars:
                console.print(f"{path.name}: {found.refused_bars:,} invalid rows left out")
            report(path.name, 1.0)


def _held(span: tuple[datetime, datetime, int] | None, symbol: str) -> str:
    """Say what the store holds of a symbol."""
    if span is None:
        return f"{symbol}: no bars"
    first, last, count = span
    return f"{symbol}: {count:,} bars, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
