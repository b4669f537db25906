"""`signal-server positions`: what the bots hold, or held."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Symbol
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.journal.orders import BotPosition

_RIGHT = ("amount", "still held", "entry", "exit", "fees", "PnL")
_COLUMNS = ("entered (UTC)", "bot", "mode", "symbol", *_RIGHT, "left by")


@click.command(name="positions")
@click.option("--bot", default="", help="Only this bot.")
@click.option("--symbol", type=Symbol(), default="", help="Only this symbol.")
@click.option("--all", "include_closed", is_flag=True, help="Those that ended, too.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array; money as exact text.")
@pass_session
def command(
    session: Session, bot: str, symbol: str, include_closed: bool, limit: int, as_json: bool
) -> None:
    """Print the bots' open positions, newest first, as the trade log has them.

    Reads data/signals.sqlite, whether the server runs or not. PnL is that of what was sold, net
    of fees, in quote currency.
    """
    from signal_server.cli.screen import make_console
    from signal_server.cli.sums import jsonable, summary
    from signal_server.journal.journal import Journal
    from signal_server.journal.orders import Wanted, newest_positions

    with Journal.open_existing(session.settings.trade_log) as journal:
        positions = newest_positions(journal, Wanted(bot, symbol, include_closed, limit))
    if as_json:
        click.echo(json.dumps([jsonable(position) for position in positions], indent=2))
        return
    console = make_console()
    if positions:
        console.print(_table(positions))
        console.print(summary(positions))
    else:
        console.print("No positions yet." if include_closed else "No position is open.")


def _table(positions: "Sequence[BotPosition]") -> "Table":
    from rich.table import Table

    table = Table(title="Positions")
    for name in _COLUMNS:
        # Numbers stay whole: where there is little room, words and dates fold.
        number = name in _RIGHT
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    for position in positions:
        table.add_row(*_cells(position))
    return table


def _cells(position: "BotPosition") -> tuple[str, ...]:
    from rich.markup import escape

    from signal_server.cli.screen import priced, signed

    return (
        f"{position.entered_at:%Y-%m-%d %H:%M:%S}",
        escape(position.bot_id),
        position.mode,
        position.symbol,
        priced(position.amount),
        "" if position.closed else priced(position.open_amount),
        priced(position.entry_price),
        priced(position.exit_price),
        f"{position.fees:.4f}",
        signed(position.pnl, 4),
        (position.exit_reason or "") if position.closed else "open",
    )
