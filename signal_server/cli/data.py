"""`signal-server data`: what is held, whether it is sound, and the way out of the store."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session
from signal_server.core.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from signal_server.market.condition import Condition
    from signal_server.market.store import BarStore

Symbols = tuple[str, ...] | None
THREADS = 2
"""Most of the reading and checking is done outside of the interpreter's lock."""
FILE = click.Path(path_type=Path, dir_okay=False)
symbols_option = click.option(
    "--symbols",
    "--symbol",
    type=SymbolList(),
    help="Only these: BTC-USD,ETH-USD; all that are held by default.",
)


@click.group(name="data")
def command() -> None:
    """Look at the bars that are held, check their files, and write them elsewhere."""


@command.command()
@symbols_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@click.option("--plot", type=FILE, help="Draw coverage and prices into this PNG file, too.")
@pass_session
def status(session: Session, symbols: Symbols, as_json: bool, plot: Path | None) -> None:
    """Show what is held of each symbol, what is missing, and what is odd about it.

    "No trades" are minutes without a bar of which a source was asked; nobody has asked for those
    that are missing: backfill them.
    """
    from signal_server.cli.data_screen import condition_to_json, status_table
    from signal_server.cli.screen import make_console

    store = open_store(session.settings)
    held, others = _held(store, symbols, session.settings.symbols)
    conditions = _conditions(store, held)
    if as_json:
        click.echo(json.dumps([condition_to_json(one) for one in conditions], indent=2))
    else:
        console = make_console()
        console.print(status_table(conditions))
        if others:
            console.print(f"No bars yet: {', '.join(others)}")
    if plot:
        _plot(store, conditions, plot)


@command.command()
@symbols_option
@click.option("--start", type=Moment(), help="First moment, like 2025-01-01; all by default.")
@click.option("--end", type=Moment(), help="Last moment; all by default.")
@click.option("--out", type=FILE, required=True, help="The file: .parquet or .csv.")
@pass_session
def export(
    session: Session,
    symbols: Symbols,
    start: datetime | None,
    end: datetime | None,
    out: Path,
) -> None:
    """Write bars into one Parquet or CSV file, as its name ends.

    Its columns are those of the store's files, and symbol. The file appears when it is whole.
    """
    from signal_server.cli.screen import progress_bars

    store = open_store(session.settings)
    held, others = _held(store, symbols, ())
    _require(held, others)
    expected, written = sum(span[2] for span in map(store.span, held) if span), 0
    with progress_bars() as report:

        def tell(_symbol: str, rows: int) -> None:
            nonlocal written
            written += rows
            report(out.name, written / max(expected, 1))

        rows = store.export(held, start, end, out, report=tell)
        report(out.name, 1.0)
    click.echo(f"{out}: {rows:,} bars of {len(held)} symbols, {out.stat().st_size:,} bytes")


@command.command()
@symbols_option
@click.option("--refetch", is_flag=True, help="Move damaged files aside and backfill their months.")
@pass_session
def verify(session: Session, symbols: Symbols, refetch: bool) -> None:
    """Read every file wholly, and name those that are damaged.

    With --refetch they are moved aside, never deleted, and their months are fetched by REST.
    """
    from signal_server.cli.data_mending import damaged_files, refetch_damaged
    from signal_server.core.errors import MarketDataError

    store = open_store(session.settings)
    held, others = _held(store, symbols, ())
    _require(held, others)
    damaged = damaged_files(store, held)
    if not damaged:
        click.echo(f"All files of {len(held)} symbols are sound.")
        return
    for one in damaged:
        click.echo(f"{one.path}: {one.reason}")
    if not refetch:
        raise MarketDataError(
            f"{len(damaged)} files are damaged; run `signal-server data verify --refetch`"
        )
    refetch_damaged(session, store, damaged)


@command.command()
@symbols_option
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
@pass_session
def quarantine(session: Session, symbols: Symbols, limit: int, as_json: bool) -> None:
    """List the newest bars that are held back, and why.

    They are never used. A bar that history confirmed later is held in the store as well.
    """
    from signal_server.cli.data_screen import quarantine_table, quarantine_to_json
    from signal_server.cli.screen import make_console

    store = open_store(session.settings)
    held, _ = _held(store, symbols, ())
    frames = {symbol: store.quarantined(symbol) for symbol in held}
    total = sum(len(frame) for frame in frames.values())
    if as_json:
        click.echo(json.dumps(quarantine_to_json(frames, limit), indent=2))
    elif not total:
        click.echo("No bar is held back.")
    else:
        make_console().print(quarantine_table(frames, limit))
        click.echo(f"{min(limit, total):,} of {total:,} shown")


def _held(
    store: BarStore, wanted: Symbols, configured: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Return the symbols to look at, and those asked for, or configured, that have no folder."""
    there = store.symbols()
    chosen = [symbol for symbol in wanted or there if symbol in there]
    return chosen, [symbol for symbol in wanted or configured if symbol not in there]


def _require(held: Sequence[str], others: Sequence[str]) -> None:
    from signal_server.core.errors import NoHistoryError

    if others or not held:
        what = f"of {', '.join(others)} " if others else ""
        raise NoHistoryError(f"the store holds no bars {what}yet; backfill or import them")


def _conditions(store: BarStore, symbols: Sequence[str]) -> list[Condition]:
    from signal_server.cli.screen import progress_bars
    from signal_server.market.condition import condition_of

    conditions: list[Condition] = []
    with progress_bars() as report, ThreadPoolExecutor(THREADS) as pool:
        for condition in pool.map(lambda symbol: condition_of(store, symbol, utc_now), symbols):
            conditions.append(condition)
            report("Reading", len(conditions) / len(symbols))
    return conditions


def _plot(store: BarStore, conditions: Sequence[Condition], path: Path) -> None:
    from signal_server.cli.screen import progress_bars
    from signal_server.market.timeline import edges_between, timelines
    from signal_server.reports.data_picture import save_data_picture

    spans = [(one.symbol, one.first, one.last) for one in conditions if one.first and one.last]
    _require([symbol for symbol, _, _ in spans], ())
    bar = timedelta(seconds=store.bar_seconds)
    since, until = min(first for _, first, _ in spans) - bar, max(last for *_, last in spans)
    edges = edges_between(since, until)
    with progress_bars() as report:
        lines = []
        for line in timelines(store, [symbol for symbol, _, _ in spans], edges):
            lines.append(line)
            report("Drawing", len(lines) / len(spans))
    save_data_picture(lines, edges, path)
    click.echo(f"Drawn into {path}")
