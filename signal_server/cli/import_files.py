"""`signal-server import`: bars from files into the bar store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from signal_server.market.store import BarStore


@click.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--symbol", help="The files' symbol; read from the file or its name by default.")
@pass_session
def command(session: Session, files: tuple[Path, ...], symbol: str | None) -> None:
    """Import bars from Parquet, Polygon flat files (.csv.gz) or Kraken OHLCVT archives.

    The format is found from the content. A file that cannot be read whole is not imported. A
    folder of flat files is read as they would be downloaded: day by day, all coins at once.
    """
    from signal_server.cli.flat_files import import_folder
    from signal_server.cli.screen import make_console, progress_bars

    store, records = open_store(session.settings), session.settings.flat_files_dir
    for folder in (path for path in files if path.is_dir()):
        import_folder(store, folder, records, symbol)
    console = make_console()
    with progress_bars() as report:
        for path in (path for path in files if not path.is_dir()):
            report(path.name, 0.0)
            _import_file(store, path, symbol, console)
            report(path.name, 1.0)


def _import_file(store: BarStore, path: Path, symbol: str | None, console: Console) -> None:
    from signal_server.core.clock import utc_now
    from signal_server.market.coverage import Source
    from signal_server.market.imports import read_import

    found, now = read_import(path, store.bar_seconds, symbol), utc_now()
    for name, frame in found.frames.items():
        new = store.write(name, frame, seen_at=now)
        console.print(f"{_held(store.span(name), name)} ({new:,} new)", markup=False)
    for name, refused in found.refused.items():
        store.quarantine(name, refused.assign(source=str(Source.IMPORT), seen_at=now))
    if found.refused:
        console.print(
            f"{path.name}: {found.refused_bars:,} rows are no bars and were put aside; "
            "signal-server data quarantine shows them",
            markup=False,
        )


def _held(span: tuple[datetime, datetime, int] | None, symbol: str) -> str:
    """Say what the store holds of a symbol."""
    if span is None:
        return f"{symbol}: no bars"
    first, last, count = span
    return f"{symbol}: {count:,} bars, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
