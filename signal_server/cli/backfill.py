"""`signal-server backfill`: history from Polygon.io into the bar store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.bars import open_store
from signal_server.cli.session import Session, pass_session
from signal_server.core.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signal_server.core.config import Settings
    from signal_server.market.history import BackfillResult
    from signal_server.market.listing import Chosen
    from signal_server.market.plan import BackfillRequest
    from signal_server.market.polygon import PolygonHistory
    from signal_server.market.store import BarStore


@click.command(name="backfill")
@click.option("--symbols", type=SymbolList(), help="BTC-USD,ETH-USD; the settings' by default.")
@click.option(
    "--start",
    type=Moment(),
    help="First moment, like 2025-01-01; by default backfill_start of the settings, or else the "
    "oldest bar held, or two years ago.",
)
@click.option("--end", type=Moment(), help="Last moment; now by default.")
@click.option(
    "--source",
    type=click.Choice(["auto", "rest", "flat-files"]),
    default="auto",
    show_default=True,
    help="auto takes whole days from flat files where keys for them are set and it is sooner.",
)
@pass_session
def command(
    session: Session,
    symbols: tuple[str, ...] | None,
    start: datetime | None,
    end: datetime | None,
    source: str,
) -> None:
    """Fetch bars of bar_seconds from Polygon.io; run it again to go on or to catch up.

    Needs SIGNAL_SERVER_POLYGON_API_KEY; flat files need SIGNAL_SERVER_FLAT_FILES_ACCESS_KEY and
    SIGNAL_SERVER_FLAT_FILES_SECRET_KEY. What is stored already is not fetched again. Ends with 1
    if a symbol failed, and with 3 if Polygon.io has no bars of one, or not within the plan.
    """
    from signal_server.cli.flat_files import fetch_flat_files, prefer_flat_files
    from signal_server.market.plan import BackfillRequest

    settings = session.settings
    request = BackfillRequest(
        symbols or tuple(settings.symbols), start or _configured_start(settings), end or utc_now()
    )
    if request.start is not None and request.start >= request.end:
        raise click.BadParameter("the start is not before the end", param_hint="--start")
    store = open_store(settings)
    if source == "flat-files":
        fetch_flat_files(settings, store, request)
        return
    if source == "auto":
        prefer_flat_files(settings, store, request)
    fetch(settings, session.api_key(), store, request)


def fetch(settings: Settings, api_key: str, store: BarStore, request: BackfillRequest) -> None:
    """Fetch with a screen; raise `MarketDataError` if something is missing at the end."""
    from signal_server.cli.backfill_screen import BackfillScreen, show_results
    from signal_server.cli.screen import make_console
    from signal_server.market.history import backfill
    from signal_server.market.patience import Patience
    from signal_server.market.polygon import PolygonHistory

    screen = BackfillScreen()
    history = PolygonHistory(
        settings.polygon,
        api_key,
        settings.bar_seconds,
        patience=Patience(settings.polygon.retry_for_s),
        on_wait=screen.wait,
    )
    try:
        with screen:
            chosen = _choose(settings, history, store, request.symbols)
            asked = replace(request, symbols=chosen.symbols)
            results = backfill(history, store, asked, utc_now, screen.report)
    except KeyboardInterrupt:
        click.secho("stopped; what came is stored, run it again to go on", fg="yellow", err=True)
        raise
    console = make_console()
    if results:
        show_results(console, store, results, request.end)
    for skipped in chosen.skipped:
        console.print(f"left out: {skipped.reason}", style="yellow", markup=False)
    console.print(screen.sentence())
    _require_all(results, len(chosen.skipped))


def _choose(
    settings: Settings, history: PolygonHistory, store: BarStore, symbols: Sequence[str]
) -> Chosen:
    """Leave out what Polygon.io does not know; a symbol of which bars are held is known."""
    from signal_server.core.errors import ConfigError
    from signal_server.core.symbol_list import SymbolList, load_symbol_list
    from signal_server.market.listing import Chosen, choose_for_history, current_listing

    unknown = [symbol for symbol in symbols if store.last_close(symbol) is None]
    if not unknown:
        return Chosen(tuple(symbols), ())
    listing = current_listing(history, settings.listing_file, unknown, utc_now)
    try:
        coins = load_symbol_list(settings.symbols_file)
    except ConfigError:
        # It only gives advice here.
        coins = SymbolList(tiers={})
    left_out = choose_for_history(unknown, listing, coins).skipped
    names = {skipped.symbol for skipped in left_out}
    return Chosen(tuple(symbol for symbol in symbols if symbol not in names), left_out)


def _configured_start(settings: Settings) -> datetime | None:
    if settings.backfill_start is None:
        return None
    return datetime.combine(settings.backfill_start, time(), UTC)


def _require_all(results: Sequence[BackfillResult], left_out: int) -> None:
    """Raise an error that says how many symbols are not up to date, if there are any."""
    from signal_server.core.errors import IncompleteError, MarketDataError
    from signal_server.market.history import Outcome

    of_all = f"of {len(results) + left_out} symbols"
    failed = [r for r in results if r.outcome in {Outcome.FAILED, Outcome.STOPPED}]
    if failed:
        raise MarketDataError(f"{len(failed)} {of_all} failed; run it again to go on")
    lacking = left_out + sum(result.outcome is not Outcome.COMPLETE for result in results)
    if lacking:
        raise IncompleteError(f"{lacking} {of_all} could not be had in full; see above why")
