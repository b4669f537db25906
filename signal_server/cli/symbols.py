"""`signal-server symbols`: what the vendors know of each coin, and what is held of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import SymbolList as Symbols
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session

if TYPE_CHECKING:
    from signal_server.core.config import Settings
    from signal_server.market.kraken_pairs import TradedPair
    from signal_server.market.listing import Listing
    from signal_server.market.symbol_rows import Held, SymbolRow

Report = Callable[[str, float], None]

PATIENCE_S = 4.0
"""Whoever looks at a screen does not wait for a vendor as a backfill at night does."""


@dataclass(frozen=True, slots=True)
class Answer[T]:
    """What a vendor said, or None and the sentence that says why it is not known."""

    said: T | None
    problem: str = ""


@click.command(name="symbols")
@click.option("--tier", help="Only this tier of the list; all of them by default.")
@click.option("--symbols", type=Symbols(), help="Only these: BTC-USD,ETH-USD.")
@click.option("--offline", is_flag=True, help="Ask nobody; show what was known last.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@pass_session
def command(
    session: Session,
    tier: str | None,
    symbols: tuple[str, ...] | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Show for each coin whether Polygon.io lists it and Kraken trades it, and the bars held.

    "size" and "cost" are those of Kraken's smallest order, in coins and in dollars. "covered" is
    the share of the time since the first bar that was fetched or seen live; minutes without trades
    are covered, too. A vendor that cannot be asked is named, and the rest is shown all the same.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.cli.symbols_screen import jsonable, summary, table

    chosen = _chosen(session, tier, symbols)
    with progress_bars() as report:
        listing, pairs = _vendors(session, chosen, report, offline=offline)
        rows = _rows(session, chosen, (listing, pairs), report)
    if as_json:
        problems = {"polygon": listing.problem or None, "kraken": pairs.problem or None}
        click.echo(json.dumps(jsonable(rows, listing.said, problems), indent=2))
        return
    console, errors = make_console(), make_console(stderr=True)
    console.print(table(rows))
    for row in rows:
        for note in row.notes:
            console.print(f"{row.symbol}: {note}", markup=False)
    console.print(summary(rows, listing.said))
    for problem in filter(None, (listing.problem, pairs.problem)):
        errors.print(problem, style="red", markup=False)


def _chosen(session: Session, tier: str | None, symbols: tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the coins to show: all that are listed, followed or held, unless some are named."""
    from signal_server.core.errors import UnknownSymbolError
    from signal_server.core.symbol_list import ALL

    coins = session.coins
    if tier is not None and tier not in (*coins.tiers, ALL):
        known = ", ".join([*coins.tiers, ALL])
        raise UnknownSymbolError(f"{tier} is no tier; {session.settings.symbols_file} has {known}")
    if symbols or tier:
        return tuple(dict.fromkeys([*coins.symbols([tier] if tier else []), *(symbols or ())]))
    held = open_store(session.settings).symbols()
    return tuple(dict.fromkeys([*coins.symbols([ALL]), *session.settings.symbols, *held]))


def _vendors(
    session: Session, symbols: Sequence[str], report: Report, *, offline: bool
) -> "tuple[Answer[Listing], Answer[dict[str, TradedPair]]]":
    from signal_server.market.kraken_pairs import ask_pairs
    from signal_server.market.listing import read_listing

    settings = session.settings
    if offline:
        return Answer(read_listing(settings.listing_file)), Answer(None)
    report("asking Polygon.io", 0.0)
    listing = _answer(lambda: _ask_listing(session, symbols))
    if listing.said is None:
        # What it said before is better than nothing; the table says of when it is.
        listing = Answer(read_listing(settings.listing_file), listing.problem)
    report("asking Polygon.io", 1.0)
    report("asking Kraken", 0.0)
    pairs = _answer(lambda: ask_pairs(settings.kraken))
    report("asking Kraken", 1.0)
    return listing, pairs


def _ask_listing(session: Session, symbols: Sequence[str]) -> "Listing":
    from signal_server.core.clock import utc_now
    from signal_server.market.listing import ask_listing, write_listing
    from signal_server.market.patience import Patience
    from signal_server.market.polygon import PolygonHistory

    settings = session.settings
    history = PolygonHistory(
        settings.polygon,
        session.api_key(),
        settings.bar_seconds,
        patience=Patience(PATIENCE_S),
    )
    listing = ask_listing(history, symbols, utc_now)
    write_listing(settings.listing_file, listing)
    return listing


def _answer[T](ask: Callable[[], T]) -> Answer[T]:
    from signal_server.core.errors import SignalServerError

    try:
        return Answer(ask())
    except SignalServerError as error:
        return Answer(None, str(error))


def _rows(
    session: Session,
    symbols: Sequence[str],
    answers: "tuple[Answer[Listing], Answer[dict[str, TradedPair]]]",
    report: Report,
) -> "list[SymbolRow]":
    from signal_server.core.clock import utc_now
    from signal_server.market.symbol_rows import Vendors, symbol_rows

    listing, pairs = answers
    held = _held(session.settings, symbols, utc_now(), report)
    vendors = Vendors(listing.said, pairs.said)
    return list(symbol_rows(symbols, vendors, session.coins, session.settings.symbols, held))


def _held(
    settings: "Settings", symbols: Sequence[str], now: datetime, report: Report
) -> "dict[str, Held | str | None]":
    from signal_server.market.symbol_rows import held_bars

    store = open_store(settings)
    wanted = set(store.symbols()) & set(symbols)
    held = {}
    for number, symbol in enumerate(sorted(wanted), 1):
        held[symbol] = held_bars(store, symbol, now)
        report("reading the store", number / len(wanted))
    return held
