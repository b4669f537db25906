"""Which of the configured coins a server can follow; the others are named, and left out."""

import logging
from datetime import timedelta

from signal_server.cli.bars import open_store
from signal_server.core.clock import Clock
from signal_server.core.config import Settings
from signal_server.core.errors import NoHistoryError
from signal_server.core.symbol_list import SymbolList
from signal_server.market.listing import Listing, choose, read_listing

logger = logging.getLogger(__name__)

BELIEVED = timedelta(days=7)
"""How old a listing may be that leaves coins out."""


def following(settings: Settings, coins: SymbolList, clock: Clock) -> Settings:
    """Return the settings without the coins that cannot be served, each logged with its reason.

    Those are the ones that Polygon.io did not list when it was asked last, and those without
    stored bars. Asks nobody. Raises `NoHistoryError` if none is left.
    """
    chosen = choose(settings.symbols, _listing(settings, clock), coins)
    store = open_store(settings)
    without = [symbol for symbol in chosen.symbols if store.last_close(symbol) is None]
    reasons = [skipped.reason for skipped in chosen.skipped]
    reasons += [f"no bars of {name} are held; run `signal-server backfill`" for name in without]
    left = [symbol for symbol in chosen.symbols if symbol not in without]
    if not left:
        raise NoHistoryError(f"no symbol can be served: {reasons[0]}")
    for reason in reasons:
        logger.error("left out: %s", reason)
    return settings.model_copy(update={"symbols": left})


def _listing(settings: Settings, clock: Clock) -> Listing | None:
    """Return what was listed last, if it was asked lately and for all of these coins."""
    listing = read_listing(settings.listing_file)
    if listing is None or not listing.answers(settings.symbols):
        return None
    return listing if abs(clock() - listing.asked_at) < BELIEVED else None
