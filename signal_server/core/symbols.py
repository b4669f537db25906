"""The one place that maps a symbol's names between vendors. Ours is Hummingbot's: `BTC-USD`.

    Polygon.io REST            X:BTCUSD      Kraken REST, key         XXBTZUSD
    Polygon.io flat files      X:BTC-USD     Kraken REST, altname     XBTUSD
    Polygon.io stream          BTC-USD       Kraken WebSocket v1      XBT/USD
    Hummingbot                 BTC-USD       Kraken WebSocket v2      BTC/USD

A name whose halves are joined is split before the quote currency that it ends with. Everything
here raises `UnknownSymbolError` for what is no name.
"""

import re

from signal_server.core.errors import UnknownSymbolError

_SYMBOL = re.compile(r"[A-Z0-9]{1,12}-[A-Z0-9]{2,6}")
_CRYPTO = "X:"
_KRAKEN_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_USUAL_NAMES = {kraken: usual for usual, kraken in _KRAKEN_NAMES.items()}
_DOLLAR_COINS = frozenset({"USDT", "USDC"})
# The longest first: XBTUSDT is no coin paid in T.
_QUOTES = (
    *("USDT", "USDC", "USD", "EUR", "GBP", "CAD", "JPY", "AUD", "CHF"),
    *("BTC", "XBT", "ETH", "DOT", "DAI"),
)

# Kraken's oldest pairs have keys with a letter before each half. There will be no more of them.
_LEGACY_BASES = {
    "USD": ("ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XLM", "XMR", "XRP", "ZEC"),
    "EUR": ("ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XLM", "XMR", "XRP", "ZEC"),
    "XBT": ("ETC", "ETH", "LTC", "MLN", "REP", "XDG", "XLM", "XMR", "XRP", "ZEC"),
    "ETH": ("ETC", "MLN", "REP"),
    "GBP": ("ETH", "XBT", "XLM"),
    "CAD": ("ETH", "XBT", "XRP"),
    "JPY": ("ETH", "LTC", "XBT", "XRP"),
    "AUD": ("XLM",),
}
_LEGACY_KEYS = {
    f"{base}{quote}": f"X{base}{'X' if quote in {'XBT', 'ETH'} else 'Z'}{quote}"
    for quote, bases in _LEGACY_BASES.items()
    for base in bases
} | {
    "EURUSD": "ZEURZUSD",
    "GBPUSD": "ZGBPZUSD",
    "USDCAD": "ZUSDZCAD",
    "USDJPY": "ZUSDZJPY",
    "USDTUSD": "USDTZUSD",
}
_LEGACY_ALTNAMES = {key: altname for altname, key in _LEGACY_KEYS.items()}


def is_symbol(name: str) -> bool:
    """Tell whether a name is written as `BASE-QUOTE`."""
    return _SYMBOL.fullmatch(name) is not None


def check_symbol(symbol: str) -> str:
    """Return `symbol` if it is written as `BASE-QUOTE`; raise `UnknownSymbolError` if not."""
    if not is_symbol(symbol):
        raise UnknownSymbolError(f"{symbol!r} is no symbol; write it as BASE-QUOTE, like BTC-USD")
    return symbol


def quote_of(symbol: str) -> str:
    """Return what it is paid with: `BTC-USD` → `USD`."""
    return _halves(symbol)[1]


def to_polygon_rest(symbol: str) -> str:
    """Return Polygon's REST ticker: `BTC-USD` → `X:BTCUSD`."""
    return _CRYPTO + "".join(_halves(symbol))


def from_polygon_rest(ticker: str) -> str:
    """Return the symbol of a REST ticker: `X:BTCUSD` → `BTC-USD`."""
    return "-".join(_split(_crypto(ticker)))


def to_polygon_flat_file(symbol: str) -> str:
    """Return the ticker in flat files and trades: `BTC-USD` → `X:BTC-USD`."""
    return _CRYPTO + check_symbol(symbol)


def from_polygon_flat_file(ticker: str) -> str:
    """Return the symbol of a flat file's ticker: `X:BTC-USD` → `BTC-USD`."""
    return check_symbol(_crypto(ticker))


def to_polygon_stream(symbol: str) -> str:
    """Return the pair of the stream's events, which is ours: `BTC-USD`."""
    return check_symbol(symbol)


def from_polygon_stream(pair: str) -> str:
    """Return the symbol of a pair of the stream's events, which is the pair itself."""
    return check_symbol(pair)


def to_kraken_rest(symbol: str) -> str:
    """Return the key by which Kraken's REST answers: `BTC-USD` → `XXBTZUSD`, `SOL-USD` → `SOLUSD`.

    Kraken's AssetPairs is the last word on it.
    """
    altname = to_kraken_altname(symbol)
    return _LEGACY_KEYS.get(altname, altname)


def to_kraken_altname(symbol: str) -> str:
    """Return the name that Kraken's REST takes in questions: `BTC-USD` → `XBTUSD`."""
    return "".join(_kraken_name(half) for half in _halves(symbol))


def from_kraken_rest(name: str) -> str:
    """Return the symbol of a key or altname: `XXBTZUSD` or `XBTUSD` → `BTC-USD`."""
    return _joined_by_dash(_split(_LEGACY_ALTNAMES.get(name, name)))


def to_kraken_stream_v1(symbol: str) -> str:
    """Return the pair of Kraken's first WebSocket version: `BTC-USD` → `XBT/USD`."""
    return "/".join(_kraken_name(half) for half in _halves(symbol))


def to_kraken_stream_v2(symbol: str) -> str:
    """Return the pair of Kraken's second WebSocket version: `BTC-USD` → `BTC/USD`."""
    return "/".join(_halves(symbol))


def from_kraken_stream(pair: str) -> str:
    """Return the symbol of a pair of either WebSocket version: `XBT/USD` or `BTC/USD`."""
    return _joined_by_dash(pair.split("/"))


def from_joined(name: str) -> str:
    """Return the symbol of halves that nothing parts: `BTCUSDT` or `XBTUSDT` → `BTC-USDT`."""
    return _joined_by_dash(_split(name))


def in_dollars(symbol: str) -> str:
    """Return the symbol with dollars for dollar coins: `BTC-USDT` → `BTC-USD`."""
    base, quote = _halves(symbol)
    return f"{base}-USD" if quote in _DOLLAR_COINS else symbol


def _halves(symbol: str) -> list[str]:
    return check_symbol(symbol).split("-")


def _kraken_name(currency: str) -> str:
    return _KRAKEN_NAMES.get(currency, currency)


def _joined_by_dash(halves: list[str]) -> str:
    return check_symbol("-".join(_USUAL_NAMES.get(half, half) for half in halves))


def _crypto(ticker: str) -> str:
    if not ticker.startswith(_CRYPTO):
        raise UnknownSymbolError(f"{ticker!r} is no ticker of a coin; those begin with {_CRYPTO}")
    return ticker.removeprefix(_CRYPTO)


def _split(name: str) -> list[str]:
    for quote in _QUOTES:
        base = name.removesuffix(quote)
        if base not in {name, ""}:
            return check_symbol(f"{base}-{quote}").split("-")
    raise UnknownSymbolError(f"{name!r} ends with no known quote currency, like BTCUSD does")
