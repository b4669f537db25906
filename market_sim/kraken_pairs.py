"""Kraken's names and limits of each pair, derived from the symbol and its price."""

from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10
from typing import Any

_LEGACY_ASSETS = {
    "BTC": "XXBT",
    "ETH": "XETH",
    "XRP": "XXRP",
    "LTC": "XLTC",
    "XLM": "XXLM",
    "DOGE": "XXDG",
    "USD": "ZUSD",
    "EUR": "ZEUR",
}
_SHORT_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
LOT_DECIMALS = 8
COST_MINIMUM = Decimal("0.5")
_MINIMUM_QUOTE = 5.0
_SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair under all its names, with tick, lot and minimum size in base units."""

    symbol: str
    base_asset: str
    quote_asset: str
    altname: str
    wsname: str
    price_decimals: int
    minimum_size: Decimal

    @property
    def key(self) -> str:
        """The name under which REST answers list the pair."""
        return f"{self.base_asset}{self.quote_asset}"

    @property
    def tick(self) -> Decimal:
        """The smallest price step."""
        return Decimal(1).scaleb(-self.price_decimals)

    @property
    def lot(self) -> Decimal:
        """The smallest size step in base units."""
        return Decimal(1).scaleb(-LOT_DECIMALS)

    def names(self) -> set[str]:
        """Return every name by which a request may call the pair."""
        return {self.key, self.altname, self.wsname, self.symbol}

    def details(self, fees: "Fees") -> dict[str, Any]:
        """Return the pair as AssetPairs lists it."""
        return {
            "altname": self.altname,
            "wsname": self.wsname,
            "aclass_base": "currency",
            "base": self.base_asset,
            "aclass_quote": "currency",
            "quote": self.quote_asset,
            "lot": "unit",
            "cost_decimals": 5,
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
            "ordermin": str(self.minimum_size),
            "costmin": str(COST_MINIMUM),
            "tick_size": str(self.tick),
            "status": "online",
        }


@dataclass(frozen=True, slots=True)
class Fees:
    """Shares of the traded value, taken in quote currency."""

    taker: Decimal
    maker: Decimal


def pair_of(symbol: str, price: float) -> Pair:
    """Return the pair of `BASE-QUOTE` with decimals and minimum that fit a price like this."""
    base, quote = symbol.split("-")
    magnitude = floor(log10(price))
    short = f"{_SHORT_NAMES.get(base, base)}"
    minimum = Decimal(10) ** Decimal(floor(log10(_MINIMUM_QUOTE / price)))
    return Pair(
        symbol=symbol,
        base_asset=_LEGACY_ASSETS.get(base, base),
        quote_asset=_LEGACY_ASSETS.get(quote, quote),
        altname=f"{short}{quote}",
        wsname=f"{short}/{quote}",
        price_decimals=max(1, _SIGNIFICANT_DIGITS - 1 - magnitude),
        minimum_size=minimum.quantize(Decimal(1).scaleb(-LOT_DECIMALS)).normalize(),
    )
