"""`signal-server backfill`: history from Polygon.io into the bar store."""

from datetime import datetime

import click

from signal_server.cli.arguments import Moment, SymbolList
from signal_server.cli.session import Session, pass_session
from signal_server.core.clock import utc_now


@click.command(name="backfill")
@click.option("--symbols", type=SymbolList(), help="BTC-USD,ETH-USD; the settings' by default.")
@click.option("--start", type=Moment(), required=True, help="First moment, like 2025-01-01.")
@click.option("--end", type=Moment(), help="Last moment; now by default.")
@pass_session
def command(
    session: Session, symbols: tuple[str, ...] | None, start: datetime, end: datetime | None
) -> None:
    """Fetch bars of bar_seconds from Polygon.io; run it again to go on or to catch up.

    Needs SIGNAL_SERVER_POLYGON_API_KEY. What is stored already is not fetched again.
    """
    from signal_server.cli.screen import make_console, progress_bars
    from signal_server.market.history import BackfillRequest, backfill
    from signal_server.market.polygon import PolygonHistory
    from signal_server.market.store import BarStore

    settings, api_key = session.settings, session.api_key()
    wanted = symbols or tuple(settings.symbols)
    request = BackfillRequest(wanted, start, end or utc_now())
    if request.start >= request.end:
        raise click.BadParameter("the start is not before the end", param_hint="--start")
    history = PolygonHistory(settings.polygon, api_key, settings.bar_seconds)
    store = BarStore(settings.bars_dir, settings.bar_seconds)
    with progress_bars() as report:
        results = backfill(
            history, store, request, utc_now, lambda done: report(done.symbol, done.share)
        )
    console = make_console()
    for result in results:
        span = describe_span(store.span(result.symbol), result.symbol)
        refused = f", {result.refused_bars:,} invalid left out" if result.refused_bars else ""
        console.print(f"{span} ({result.new_bars:,} new{refused})")


def describe_span(span: tuple[datetime, datetime, int] | None, symbol: str) -> str:
    """Say what the store holds of a symbol."""
    if span is None:
        return f"{symbol}: no bars"
    first, last, count = span
    return f"{symbol}: {count:,} bars, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
