"""Which coins Polygon.io lists: asked for all at once, and remembered for a day."""

import json
import logging
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from signal_server.core.clock import Clock
from signal_server.core.errors import MarketDataError
from signal_server.core.symbol_list import SymbolList
from signal_server.core.symbols import to_polygon_rest

logger = logging.getLogger(__name__)

FRESH = timedelta(days=1)


class Tickers(Protocol):
    """A source of all tickers of coins."""

    def listed(self, *, active: bool = True) -> frozenset[str]:
        """Return the REST tickers of all coins, or of those that are listed no more."""
        ...


class Standing(StrEnum):
    """What the vendor says of a coin."""

    LISTED = "listed"
    DELISTED = "delisted"
    UNLISTED = "unlisted"


@dataclass(frozen=True, slots=True)
class Listing:
    """The REST tickers of a moment (tz-aware UTC).

    The delisted ones are asked for only when a coin is missing: `complete` says whether they were.
    """

    asked_at: datetime
    listed: frozenset[str]
    delisted: frozenset[str] = frozenset()
    complete: bool = False

    def standing(self, symbol: str) -> Standing:
        """Return what the vendor says of a coin."""
        ticker = to_polygon_rest(symbol)
        if ticker in self.listed:
            return Standing.LISTED
        return Standing.DELISTED if ticker in self.delisted else Standing.UNLISTED

    def answers(self, symbols: Iterable[str]) -> bool:
        """Return whether nothing more can be learnt of these coins by asking again at once."""
        return self.complete or all(self.standing(s) is Standing.LISTED for s in symbols)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A coin that is left out, and the sentence that says why and what to do."""

    symbol: str
    standing: Standing
    reason: str


@dataclass(frozen=True, slots=True)
class Chosen:
    """The coins to go on with, in their order, and those that are left out."""

    symbols: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def ask_listing(source: Tickers, symbols: Collection[str], clock: Clock) -> Listing:
    """Ask what is listed, and what was, if one of `symbols` is missing; raises `MarketDataError`.

    A list without a coin that should be on it may have been cut short on its way, so it is asked
    for twice before that is believed.
    """
    listing = Listing(clock(), _listed(source))
    if listing.answers(symbols):
        return listing
    again = Listing(listing.asked_at, listing.listed | _listed(source))
    if again.answers(symbols):
        return again
    return Listing(again.asked_at, again.listed, source.listed(active=False), complete=True)


def current_listing(source: Tickers, path: Path, symbols: Collection[str], clock: Clock) -> Listing:
    """Return the listing kept in a file if it is of today and answers; else ask and keep it."""
    kept = read_listing(path)
    if kept is not None and kept.answers(symbols) and abs(clock() - kept.asked_at) < FRESH:
        return kept
    listing = ask_listing(source, symbols, clock)
    write_listing(path, listing)
    return listing


def choose(symbols: Iterable[str], listing: Listing | None, coins: SymbolList) -> Chosen:
    """Part the coins that are listed from the others; without a listing all go on."""
    if listing is None:
        return Chosen(tuple(symbols), ())
    standing = {symbol: listing.standing(symbol) for symbol in symbols}
    return Chosen(
        tuple(symbol for symbol, said in standing.items() if said is Standing.LISTED),
        tuple(
            Skipped(symbol, said, reason(symbol, listing, coins))
            for symbol, said in standing.items()
            if said is not Standing.LISTED
        ),
    )


def choose_for_history(symbols: Iterable[str], listing: Listing, coins: SymbolList) -> Chosen:
    """Leave out what was never listed; a delisted coin still has its history."""
    asked = tuple(symbols)
    skipped = choose(asked, listing, coins).skipped
    unknown = tuple(one for one in skipped if one.standing is Standing.UNLISTED)
    left_out = {one.symbol for one in unknown}
    return Chosen(tuple(symbol for symbol in asked if symbol not in left_out), unknown)


def reason(symbol: str, listing: Listing, coins: SymbolList) -> str:
    """Return the sentence that says why a coin is not listed and what to do."""
    if listing.standing(symbol) is Standing.DELISTED:
        fact = f"Polygon.io lists {symbol} no longer"
    else:
        fact = f"Polygon.io lists no {symbol}"
    return f"{fact}; {_advice(symbol, listing, coins)}"


def read_listing(path: Path) -> Listing | None:
    """Return the listing kept in a file, None if there is none that can be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        asked_at = datetime.fromisoformat(content["asked_at"])
        if asked_at.tzinfo is None or not content["listed"]:
            return None
        return Listing(
            asked_at,
            frozenset(map(str, content["listed"])),
            frozenset(map(str, content["delisted"])),
            bool(content["complete"]),
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # It is no more than a memory: whoever needs it asks again.
        return None


def write_listing(path: Path, listing: Listing) -> None:
    """Keep a listing in a file, replaced atomically; where that fails it is asked for again."""
    content = {
        "asked_at": listing.asked_at.isoformat(),
        "listed": sorted(listing.listed),
        "delisted": sorted(listing.delisted),
        "complete": listing.complete,
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1), encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        logger.warning("%s could not be written: %s", path, error.strerror or error)


def _listed(source: Tickers) -> frozenset[str]:
    tickers = source.listed()
    if not tickers:
        raise MarketDataError("Polygon.io answered that it lists no coin at all; try again")
    return tickers


def _advice(symbol: str, listing: Listing, coins: SymbolList) -> str:
    change = coins.renamed.get(symbol)
    if change is not None and listing.standing(change.to) is Standing.LISTED:
        units = f", {change.units:,} for one" if change.units > 1 else ""
        return f"it is {change.to} since {change.since}{units}: name that in symbols"
    found = [
        name
        for name in coins.other_names(symbol)
        if listing.standing(name) is not Standing.UNLISTED
    ]
    if found:
        return f"it is still called {found[0]} there: name that in symbols"
    return "correct it, or take it out of symbols"
