"""The one place that maps a symbol's names between vendors. Ours is Hummingbot's: `BTC-USD`."""

import re

from signal_server.core.errors import UnknownSymbolError

_SYMBOL = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{2,6}")


def check_symbol(symbol: str) -> str:
    """Return `symbol` if it is written as `BASE-QUOTE`; raise `UnknownSymbolError` if not."""
    if not _SYMBOL.fullmatch(symbol):
        raise UnknownSymbolError(f"{symbol!r} is no symbol; write it as BASE-QUOTE, like BTC-USD")
    return symbol


def to_polygon_rest(symbol: str) -> str:
    """Return Polygon's REST ticker: `BTC-USD` → `X:BTCUSD`."""
    base, quote = check_symbol(symbol).split("-")
    return f"X:{base}{quote}"


def from_polygon_flat_file(ticker: str) -> str:
    """Return the symbol of a flat file's ticker: `X:BTC-USD` → `BTC-USD`."""
    return check_symbol(ticker.removeprefix("X:"))
