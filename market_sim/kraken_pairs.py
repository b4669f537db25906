"""Kraken's names and limits of each pair, derived from the symbol and its price."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from math import floor, log10
from typing import Any

LOT_DECIMALS = 8
COST_DECIMALS = 5
COST_MINIMUM = Decimal("0.5")
_MINIMUM_QUOTE = 5.0
_SIGNIFICANT_DIGITS = 6
_SHORT_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
_LEGACY_COINS = frozenset(
    {"XBT", "ETH", "LTC", "XRP", "XDG", "ETC", "XMR", "XLM", "ZEC", "MLN", "REP"}
)
_LEGACY_MONEY = frozenset({"USD", "EUR", "GBP", "CAD", "JPY", "AUD"})


@dataclass(frozen=True, slots=True)
class Fees:
    """Shares of the traded value, taken in quote currency."""

    taker: Decimal
    maker: Decimal


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair under all its names (`key` is REST's), with tick and minimum size in base units."""

    symbol: str
    key: str
    altname: str
    wsname: str
    base_asset: str
    quote_asset: str
    price_decimals: int
    minimum_size: Decimal

    @property
    def tick(self) -> Decimal:
        """The smallest price step."""
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot(self) -> Decimal:
        """The smallest size step in base units."""
        return Decimal(1).scaleb(-LOT_DECIMALS)

    @property
    def stream_decimals(self) -> int:
        """Decimals of prices and costs in the streams, which write more than the tick needs."""
        return max(COST_DECIMALS, self.price_decimals)

    def names(self) -> set[str]:
        """Return every name by which a request may call the pair."""
        return {self.key, self.altname, self.wsname, self.symbol}

    def details(self, fees: Fees) -> dict[str, Any]:
        """Return the pair as AssetPairs lists it; fees there are in percent."""
        return {
            "altname": self.altname,
            "wsname": self.wsname,
            "aclass_base": "currency",
            "base": self.base_asset,
            "aclass_quote": "currency",
            "quote": self.quote_asset,
            "lot": "unit",
            "cost_decimals": COST_DECIMALS,
            "pair_decimals": self.price_decimals,
            "lot_decimals": LOT_DECIMALS,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, float(fees.taker * 100)]],
            "fees_maker": [[0, float(fees.maker * 100)]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": f"{self.minimum_size:f}",
            "costmin": f"{COST_MINIMUM:f}",
            "tick_size": f"{self.tick:f}",
            "status": "online",
        }


def pair_of(symbol: str, price: float) -> Pair:
    """Return the pair of `BASE-QUOTE` with decimals and minimum that fit a price like this."""
    base, quote = (_SHORT_NAMES.get(name, name) for name in symbol.split("-"))
    base_asset, quote_asset = asset_of(base), asset_of(quote)
    # Dogecoin's pair never got the prefixes that its asset has.
    prefixed = base_asset != base and quote_asset != quote and base != "XDG"
    decimals = _SIGNIFICANT_DIGITS - 1 - floor(log10(price))
    return Pair(
        symbol=symbol,
        key=base_asset + quote_asset if prefixed else base + quote,
        altname=base + quote,
        wsname=f"{base}/{quote}",
        base_asset=base_asset,
        quote_asset=quote_asset,
        price_decimals=min(max(decimals, 1), 10),
        minimum_size=_round_number(_MINIMUM_QUOTE / price),
    )


def asset_of(currency: str) -> str:
    """Return the name of a currency in balances: `XXBT`, `ZUSD`, `SOL`."""
    name = _SHORT_NAMES.get(currency, currency)
    if name in _LEGACY_COINS:
        return "X" + name
    return "Z" + name if name in _LEGACY_MONEY else name


def asset_names(pairs: Iterable[Pair]) -> dict[str, str]:
    """Return the alternative name of each asset: `XBT` for `XXBT`, `USD` for `ZUSD`."""
    names: dict[str, str] = {}
    for pair in pairs:
        base, quote = pair.wsname.split("/")
        names |= {pair.base_asset: base, pair.quote_asset: quote}
    return names


def cut(amount: Decimal, decimals: int) -> Decimal:
    """Return the amount with so many decimals, the rest cut off."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def _round_number(amount: float) -> Decimal:
    """Return the nearest of 1, 2 or 5 times a power of ten, at least one lot."""
    exponent = floor(log10(amount))
    mantissa = amount / 10**exponent
    digit = min((1, 2, 5, 10), key=lambda choice: abs(choice - mantissa))
    return max(Decimal(digit).scaleb(exponent).normalize(), Decimal(1).scaleb(-LOT_DECIMALS))
