"""What is known of each coin: at the vendors, and in the store. Pure, but for reading the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from signal_server.core.errors import MarketDataError
from signal_server.core.symbol_list import SymbolList
from signal_server.market.coverage import Coverage
from signal_server.market.kraken_pairs import TradedPair
from signal_server.market.listing import Listing, Standing, reason
from signal_server.market.store import BarStore


@dataclass(frozen=True, slots=True)
class Held:
    """The closes (tz-aware UTC) of the first and last bar held, how many, and how much is known.

    `covered` is the share of the time since the first bar that a source has given wholly.
    """

    first: datetime
    last: datetime
    bars: int
    covered: float


@dataclass(frozen=True, slots=True)
class SymbolRow:
    """A coin; `standing` and `kraken` are None where the vendor could not be asked.

    `pair` is None, too, if Kraken does not trade it: `kraken` says so.
    """

    symbol: str
    tier: str | None
    followed: bool
    standing: Standing | None
    kraken: bool | None
    pair: TradedPair | None
    held: Held | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vendors:
    """What the vendors said of all coins; None where one could not be asked."""

    listing: Listing | None
    pairs: Mapping[str, TradedPair] | None


def symbol_rows(
    symbols: Sequence[str],
    vendors: Vendors,
    coins: SymbolList,
    followed: Sequence[str],
    held: Mapping[str, Held | str | None],
) -> Iterator[SymbolRow]:
    """Yield a row for each coin; where `held` has a text, it says what is wrong with its bars."""
    for symbol in symbols:
        bars = held.get(symbol)
        pair = vendors.pairs.get(symbol) if vendors.pairs is not None else None
        notes = [*_notes(symbol, vendors, coins), *([bars] if isinstance(bars, str) else [])]
        yield SymbolRow(
            symbol=symbol,
            tier=coins.tier_of(symbol),
            followed=symbol in followed,
            standing=vendors.listing.standing(symbol) if vendors.listing else None,
            kraken=None if vendors.pairs is None else pair is not None,
            pair=pair,
            held=None if isinstance(bars, str) else bars,
            notes=tuple(notes),
        )


def held_bars(store: BarStore, symbol: str, now: datetime) -> Held | str | None:
    """Return what the store holds, None if nothing, or the sentence that says what is damaged."""
    try:
        span = store.span(symbol)
    except MarketDataError as error:
        return str(error)
    if span is None:
        return None
    first, last, bars = span
    return Held(first, last, bars, _covered(store, symbol, (first, now)))


def _covered(store: BarStore, symbol: str, period: tuple[datetime, datetime]) -> float:
    parts = Coverage.of(store.folder, symbol).covered(period)
    whole_s = (period[1] - period[0]).total_seconds()
    covered_s = sum((end - start).total_seconds() for start, end in parts)
    return covered_s / whole_s if whole_s > 0 else 0.0


def _notes(symbol: str, vendors: Vendors, coins: SymbolList) -> Iterator[str]:
    listing, pairs = vendors.listing, vendors.pairs
    if listing is not None and listing.standing(symbol) is not Standing.LISTED:
        yield reason(symbol, listing, coins)
    if pairs is not None and symbol not in pairs:
        found = [name for name in coins.other_names(symbol) if name in pairs]
        if found:
            yield f"Kraken trades it as {found[0]}"
