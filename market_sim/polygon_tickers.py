"""Pages of Polygon's reference tickers: the coins that are traded, and those that no longer are."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from yarl import URL

from market_sim.polygon_pages import request_id, ticker_of

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


def ticker_page(
    symbols: Iterable[str], delisted: Mapping[str, datetime], url: URL
) -> dict[str, Any]:
    """Return the page that `url` asks for, in the order of the tickers.

    `delisted` says when a coin ended. Raises ValueError if the limit makes no sense.
    """
    asked = url.query
    limit = int(asked.get("limit", DEFAULT_LIMIT))
    if not 0 < limit <= MAX_LIMIT:
        raise ValueError(f"limit must lie between 1 and {MAX_LIMIT}")
    # As the real one, which lists what is traded unless it is asked for the rest.
    active = asked.get("active", "true") == "true"
    listed = [symbol for symbol in symbols if symbol not in delisted]
    rows = [_row(symbol) for symbol in listed] if active else _ended(delisted)
    wanted = asked.get("ticker")
    found = [
        row
        for row in sorted(rows, key=lambda row: str(row["ticker"]))
        if wanted in (None, row["ticker"]) and row["ticker"] >= asked.get("cursor", "")
    ]
    page, later = found[:limit], found[limit:]
    body = {"results": page, "status": "OK", "request_id": request_id(), "count": len(page)}
    if later:
        body["next_url"] = str(_next_url(url, later[0]["ticker"]))
    return body


def _ended(delisted: Mapping[str, datetime]) -> list[dict[str, Any]]:
    return [
        _row(symbol) | {"active": False, "delisted_utc": f"{ended:%Y-%m-%dT%H:%M:%SZ}"}
        for symbol, ended in delisted.items()
    ]


def _next_url(url: URL, first: str) -> URL:
    names = {name: value for name, value in url.query.items() if name != "apiKey"}
    return url.with_query(names | {"cursor": first})


def _row(symbol: str) -> dict[str, Any]:
    base, quote = symbol.split("-")
    return {
        "ticker": ticker_of(symbol),
        "name": f"{base} - {quote}",
        "market": "crypto",
        "locale": "global",
        "active": True,
        "currency_symbol": quote,
        "base_currency_symbol": base,
    }
