"""The table of `signal-server symbols`, and the same as JSON."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.table import Table

from signal_server.core.symbols import (
    to_kraken_rest,
    to_kraken_stream_v1,
    to_kraken_stream_v2,
    to_polygon_flat_file,
    to_polygon_rest,
    to_polygon_stream,
)
from signal_server.market.listing import Listing, Standing
from signal_server.market.symbol_rows import SymbolRow

_UNKNOWN = "?"


def table(rows: Sequence[SymbolRow]) -> Table:
    """Return one row a coin: a star for one that is followed, ? for what could not be asked."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("coin", "tier", "Polygon.io", "Kraken"):
        shown.add_column(name, no_wrap=True)
    for name in ("size", "cost"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in ("first bar", "last bar (UTC)"):
        shown.add_column(name, overflow="fold")
    shown.add_column("covered", justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*_cells(row), style="bold" if row.followed else "")
    return shown


def summary(rows: Sequence[SymbolRow], listing: Listing | None) -> str:
    """Return one line: how many are listed, traded and held, and of when the listing is."""
    parts = [f"{len(rows)} coins, {sum(row.followed for row in rows)} followed (*)"]
    if listing is not None:
        listed = sum(row.standing is Standing.LISTED for row in rows)
        parts.append(f"{listed} listed at Polygon.io on {listing.asked_at:%Y-%m-%d %H:%M} UTC")
    if any(row.kraken is not None for row in rows):
        parts.append(f"{sum(row.pair is not None for row in rows)} traded at Kraken")
    parts.append(f"{sum(row.held is not None for row in rows)} with bars")
    return ", ".join(parts)


def jsonable(
    rows: Sequence[SymbolRow], listing: Listing | None, problems: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return all of it ready for JSON; null for what is unknown, amounts as exact text."""
    return {
        "listing_of": None if listing is None else listing.asked_at.isoformat(),
        "problems": dict(problems),
        "symbols": [_jsonable(row) for row in rows],
    }


def _cells(row: SymbolRow) -> list[str]:
    held = row.held
    return [
        f"{row.symbol}{'*' if row.followed else ''}",
        row.tier or "",
        _standing(row),
        _traded(row),
        _amount(row.pair.minimum_size if row.pair else None),
        _amount(row.pair.minimum_cost if row.pair else None),
        f"{held.first:%Y-%m-%d}" if held else "",
        f"{held.last:%Y-%m-%d %H:%M}" if held else "",
        f"{held.covered:.1%}" if held else "",
    ]


def _standing(row: SymbolRow) -> str:
    if row.standing is None:
        return _UNKNOWN
    if row.standing is Standing.LISTED:
        return row.standing.value
    return f"[red]{row.standing.value}[/]"


def _traded(row: SymbolRow) -> str:
    if row.kraken is None:
        return _UNKNOWN
    if row.pair is None:
        return "[red]not traded[/]"
    return "traded" if row.pair.status == "online" else f"[yellow]{escape(row.pair.status)}[/]"


def _amount(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount.normalize():f}"


def _jsonable(row: SymbolRow) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "tier": row.tier,
        "followed": row.followed,
        "polygon": None if row.standing is None else row.standing.value,
        "kraken": row.kraken,
        "kraken_status": row.pair.status if row.pair else None,
        "minimum_size": _exact(row.pair.minimum_size if row.pair else None),
        "minimum_cost": _exact(row.pair.minimum_cost if row.pair else None),
        "first_bar": row.held.first.isoformat() if row.held else None,
        "last_bar": row.held.last.isoformat() if row.held else None,
        "bars": row.held.bars if row.held else 0,
        "covered": row.held.covered if row.held else None,
        "names": _names(row.symbol),
        "notes": list(row.notes),
    }


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _names(symbol: str) -> dict[str, str]:
    return {
        "polygon_rest": to_polygon_rest(symbol),
        "polygon_flat_files": to_polygon_flat_file(symbol),
        "polygon_stream": to_polygon_stream(symbol),
        "kraken_rest": to_kraken_rest(symbol),
        "kraken_stream_v1": to_kraken_stream_v1(symbol),
        "kraken_stream_v2": to_kraken_stream_v2(symbol),
        "hummingbot": symbol,
    }
