"""`signal-server positions`: what the bots hold, or held."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.journal.orders import BotPosition

_RIGHT = ("held", "entry", "exit", "fees", "PnL")
_COLUMNS = ("entered (UTC)", "bot", "mode", "symbol", *_RIGHT, "exit reason")


@click.command(name="positions")
@click.option("--bot", default="", help="Only this bot.")
@click.option("--all", "include_closed", is_flag=True, help="Those that ended, too.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array; money as exact text.")
@pass_session
def command(session: Session, bot: str, include_closed: bool, limit: int, as_json: bool) -> None:
    """Print the bots' positions, newest first, as the trade log has them.

    PnL is that of what was sold, net of fees, in quote currency.
    """
    from signal_server.cli.screen import make_console
    from signal_server.journal.journal import Journal
    from signal_server.journal.orders import Wanted, newest_positions

    with Journal.open_existing(session.settings.trade_log) as journal:
        positions = newest_positions(journal, Wanted(bot, "", include_closed, limit))
    if as_json:
        click.echo(json.dumps([_jsonable(position) for position in positions], indent=2))
        return
    console = make_console()
    if positions:
        console.print(_table(positions))
    else:
        console.print("No position is open." if not include_closed else "No positions yet.")


def _table(positions: "Sequence[BotPosition]") -> "Table":
    from rich.table import Table

    table = Table(title="Positions")
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _RIGHT else "left", no_wrap=True)
    for position in positions:
        table.add_row(*_cells(position))
    return table


def _cells(position: "BotPosition") -> tuple[str, ...]:
    from signal_server.cli.screen import priced, signed

    return (
        f"{position.entered_at:%Y-%m-%d %H:%M:%S}" if position.entered_at else "",
        position.bot_id,
        position.mode,
        position.symbol,
        priced(float(position.amount if position.closed else position.open_amount)),
        priced(_float(position.entry_price)),
        priced(_float(position.exit_price)),
        f"{position.fees:.4f}",
        signed(_float(position.pnl), 4),
        (position.exit_reason or "") if position.closed else "open",
    )


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _jsonable(position: "BotPosition") -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        return f"{value:f}" if isinstance(value, Decimal) else value

    return {name: plain(value) for name, value in asdict(position).items()}
