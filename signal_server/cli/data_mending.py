"""Finding damaged files of the store, and fetching their months again."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import click

from signal_server.cli.backfill import fetch
from signal_server.cli.screen import progress_bars
from signal_server.cli.session import Session
from signal_server.core.clock import utc_now
from signal_server.core.errors import MarketDataError
from signal_server.market.plan import BackfillRequest
from signal_server.market.storage.damage import DamagedFile
from signal_server.market.storage.pieces import month_period
from signal_server.market.store import BarStore


def damaged_files(store: BarStore, symbols: Sequence[str]) -> list[DamagedFile]:
    """Read all files of these symbols; return those that are damaged."""
    damaged: list[DamagedFile] = []
    with progress_bars() as report:
        for done, symbol in enumerate(symbols, start=1):
            damaged += store.verify(symbol)
            report("Reading every file", done / len(symbols))
    return damaged


def refetch_damaged(session: Session, store: BarStore, damaged: Sequence[DamagedFile]) -> None:
    """Move the files aside and backfill what they held; raise the last error of several months."""
    # Asked for before anything is moved: without it nothing could be fetched.
    api_key = session.api_key()
    for one in damaged:
        click.echo(f"{one.path} is now {store.discard(one)}")
    failure: MarketDataError | None = None
    for request in _requests(store, damaged, utc_now()):
        try:
            fetch(session.settings, api_key, store, request)
        except MarketDataError as error:
            failure = error
    if failure:
        raise failure


def _requests(
    store: BarStore, damaged: Sequence[DamagedFile], now: datetime
) -> Iterator[BackfillRequest]:
    """Give a request for each month, and one for all symbols whose live bars were damaged."""
    to_bars = timedelta(microseconds=1) - timedelta(seconds=store.bar_seconds)
    for month in sorted({one.month for one in damaged if one.month}):
        symbols = dict.fromkeys(one.symbol for one in damaged if one.month == month)
        start, end = (edge + to_bars for edge in month_period(month))
        yield BackfillRequest(tuple(symbols), start, min(end, now))
    live = tuple(dict.fromkeys(one.symbol for one in damaged if one.month is None))
    if live:
        known = [close for close in map(store.last_close, live) if close]
        yield BackfillRequest(live, min(known, default=None), now)
