"""`signal-server trades`: the trade log, readably."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.arguments import Symbol
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.journal.journal import Journal
    from signal_server.journal.orders import BotPosition, Wanted
    from signal_server.journal.trades import TradeEvent

_RIGHT = ("amount", "price", "entry", "exit", "held", "confidence", "fees", "slippage bps", "PnL")
_TRADES = (
    "entered (UTC)",
    "symbol",
    "bot",
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
_ORDERS = (
    "sent (UTC)",
    "symbol",
    "bot",
    "mode",
    "side",
    "type",
    "status",
    "amount",
    "price",
    "fees",
    "slippage bps",
    "PnL",
    "reason",
    "order",
)


@click.command(name="trades")
@click.option("--bot", default="", help="Only this bot.")
@click.option("--symbol", type=Symbol(), default="", help="Only this symbol.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the newest so many.")
@click.option("--orders", is_flag=True, help="Each order by itself, those without a fill too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array; money as exact text.")
@pass_session
def command(
    session: Session, bot: str, symbol: str, limit: int | None, orders: bool, as_json: bool
) -> None:
    """Print the trade log: entry, exit, reason, fees, PnL.

    Reads data/signals.sqlite, whether the server runs or not. PnL is net of both fees, in quote
    currency.
    """
    from signal_server.journal.journal import Journal
    from signal_server.journal.orders import Wanted

    wanted = Wanted(bot, symbol, limit=-1 if limit is None else limit)
    with Journal.open_existing(session.settings.trade_log) as journal:
        if orders:
            _print_orders(journal, wanted, as_json)
        else:
            _print_trades(journal, wanted, as_json)


def _print_trades(journal: "Journal", wanted: "Wanted", as_json: bool) -> None:
    from signal_server.cli.screen import make_console
    from signal_server.cli.sums import jsonable, summary
    from signal_server.journal.orders import newest_positions

    positions = newest_positions(journal, wanted)[::-1]
    if as_json:
        click.echo(json.dumps([jsonable(position) for position in positions], indent=2))
        return
    console = make_console()
    if positions:
        console.print(_table("Trades", _TRADES, [_trade(position) for position in positions]))
    console.print(summary(positions) if positions else "No trades yet.")
    console.print(_predictions(journal))


def _print_orders(journal: "Journal", wanted: "Wanted", as_json: bool) -> None:
    from signal_server.cli.screen import make_console
    from signal_server.cli.sums import jsonable
    from signal_server.journal.orders import newest_orders

    orders = newest_orders(journal, wanted)[::-1]
    if as_json:
        click.echo(json.dumps([jsonable(order) for order in orders], indent=2))
    elif orders:
        make_console().print(_table("Orders", _ORDERS, [_order(order) for order in orders]))
    else:
        click.echo("No orders yet.")


def _table(title: str, names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title)
    for name in names:
        # Numbers stay whole: where there is little room, words and dates fold.
        number = name in _RIGHT
        table.add_column(
            name, justify="right" if number else "left", no_wrap=number, overflow="fold"
        )
    bot = names.index("bot")
    for row in rows:
        table.add_row(*(escape(cell) if at == bot else cell for at, cell in enumerate(row)))
    return table


def _trade(position: "BotPosition") -> tuple[str, ...]:
    from signal_server.cli.screen import priced, signed

    return (
        f"{position.entered_at:%Y-%m-%d %H:%M:%S}",
        position.symbol,
        position.bot_id,
        position.mode,
        priced(position.amount),
        priced(position.entry_price),
        priced(position.exit_price),
        _held(position),
        (position.exit_reason or "") if position.closed else "open",
        f"{position.confidence:.3f}" if position.confidence is not None else "",
        f"{position.fees:.4f}",
        f"{position.slippage_bps:.1f}" if position.slippage_bps is not None else "",
        signed(position.pnl, 4),
    )


def _order(order: "TradeEvent") -> tuple[str, ...]:
    from rich.markup import escape

    from signal_server.cli.screen import priced, signed

    return (
        f"{order.created_at:%Y-%m-%d %H:%M:%S}",
        order.symbol,
        order.bot_id,
        order.mode,
        order.side,
        order.order_type,
        order.status.value,
        priced(order.amount),
        priced(order.price),
        f"{order.fee_quote:.4f}" if order.fee_quote is not None else "",
        f"{order.slippage_bps:.1f}" if order.slippage_bps is not None else "",
        signed(order.pnl_quote, 4),
        order.exit_reason or "",
        escape(order.order_id),
    )


def _held(position: "BotPosition") -> str:
    if position.exited_at is None:
        return ""
    return f"{(position.exited_at - position.entered_at).total_seconds():,.0f} s"


def _predictions(journal: "Journal") -> str:
    row: dict[str, Any] = journal.query(
        "SELECT count(*) AS predictions, count(correct) AS known, avg(correct) AS accuracy"
        " FROM ml_predictions"
    )[0]
    known = f"{row['accuracy']:.1%} right of {row['known']} known" if row["known"] else "none known"
    return f"{row['predictions']} predictions, {known}."
