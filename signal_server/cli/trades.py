"""`signal-server trades`: the trade log, readably."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.journal.trades import PositionRecord

_COLUMNS = (
    "entered (UTC)",
    "symbol",
    "mode",
    "amount",
    "entry",
    "exit",
    "held",
    "reason",
    "confidence",
    "fees",
    "slippage bps",
    "PnL",
)


@click.command(name="trades")
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array, one object a position.")
@pass_session
def command(session: Session, limit: int | None, as_json: bool) -> None:
    """Print the trade log: entry, exit, reason, fees, PnL.

    Reads data/signals.sqlite; PnL is net of both fees, in quote currency.
    """
    from signal_server.cli.screen import make_console
    from signal_server.journal.journal import Journal
    from signal_server.journal.trades import read_positions

    with Journal.open_existing(session.settings.trade_log) as journal:
        positions = read_positions(journal, limit)
        accuracy = journal.query(
            "SELECT count(*) AS predictions, count(correct) AS known, avg(correct) AS accuracy"
            " FROM ml_predictions"
        )[0]
    if as_json:
        click.echo(json.dumps([_jsonable(position) for position in positions], indent=2))
        return
    console = make_console()
    if positions:
        console.print(_table(positions))
    console.print(_summary(positions))
    console.print(_predictions(accuracy))


def _table(positions: "Sequence[PositionRecord]") -> "Table":
    from rich.table import Table

    right = {"amount", "entry", "exit", "held", "confidence", "fees", "slippage bps", "PnL"}
    table = Table(title="Trades")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for position in positions:
        table.add_row(*_cells(position))
    return table


def _cells(position: "PositionRecord") -> tuple[str, ...]:
    from signal_server.cli.screen import priced, signed

    return (
        f"{position.entered_at:%Y-%m-%d %H:%M:%S}" if position.entered_at else "",
        position.symbol,
        position.mode,
        priced(position.amount),
        priced(position.entry_price),
        priced(position.exit_price),
        _held(position),
        (position.exit_reason or "") if position.complete else "open",
        f"{position.confidence:.3f}" if position.confidence is not None else "",
        f"{position.fees:.4f}",
        f"{position.slippage_bps:.1f}" if position.slippage_bps is not None else "",
        signed(position.pnl, 4),
    )


def _held(position: "PositionRecord") -> str:
    if position.entered_at is None or position.exited_at is None:
        return ""
    return f"{(position.exited_at - position.entered_at).total_seconds():,.0f} s"


def _summary(positions: "Sequence[PositionRecord]") -> str:
    complete = [position for position in positions if position.complete]
    if not positions:
        return "No trades yet."
    wins = sum((position.pnl or 0.0) > 0 for position in complete)
    pnl = sum(position.pnl or 0.0 for position in complete)
    fees = sum(position.fees for position in complete)
    return (
        f"{len(complete)} complete, {len(positions) - len(complete)} open; "
        f"{wins} won; PnL {pnl:+.4f} after {fees:.4f} of fees."
    )


def _predictions(row: dict[str, Any]) -> str:
    known = f"{row['accuracy']:.1%} right of {row['known']} known" if row["known"] else "none known"
    return f"{row['predictions']} predictions, {known}."


def _jsonable(position: "PositionRecord") -> dict[str, Any]:
    values = asdict(position)
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}
