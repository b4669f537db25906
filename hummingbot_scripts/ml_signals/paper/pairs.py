"""Kraken's pairs under all their names, with the limits that orders must keep. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from hummingbot.connector.exchange.kraken.kraken_utils import convert_from_exchange_trading_pair


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair as AssetPairs lists it; `key` is its name there, minimums in base and in quote."""

    symbol: str
    key: str
    altname: str
    wsname: str
    base_asset: str
    quote_asset: str
    tick: Decimal
    price_decimals: int
    lot_decimals: int
    cost_decimals: int
    minimum_size: Decimal
    minimum_cost: Decimal

    @property
    def base(self) -> str:
        """Hummingbot's name of what is traded."""
        return self.symbol.split("-")[0]

    @property
    def quote(self) -> str:
        """Hummingbot's name of what it is paid with."""
        return self.symbol.split("-")[1]

    @property
    def stream_decimals(self) -> int:
        """Decimals of prices and costs in the private stream."""
        return max(self.cost_decimals, self.price_decimals)

    def names(self) -> set[str]:
        """Return every name by which a request may call the pair."""
        return {self.key, self.altname, self.wsname, self.symbol}

    def cut_cost(self, amount: Decimal) -> Decimal:
        """Cut an amount of quote currency to the digits that Kraken books."""
        return cut(amount, self.cost_decimals)

    def cut_size(self, amount: Decimal) -> Decimal:
        """Cut an amount of base currency to whole lots."""
        return cut(amount, self.lot_decimals)


def cut(amount: Decimal, decimals: int) -> Decimal:
    """Return the amount with so many decimals, the rest cut off."""
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)


def pairs_of(asset_pairs: Mapping[str, Mapping[str, Any]]) -> dict[str, Pair]:
    """Return the pairs of AssetPairs by Hummingbot's symbol, without the dark pools."""
    listed = asset_pairs.items()
    pairs = [
        _pair(key, given)
        for key, given in listed
        if "wsname" in given and not str(given.get("altname", "")).endswith(".d")
    ]
    return {pair.symbol: pair for pair in pairs}


def _pair(key: str, given: Mapping[str, Any]) -> Pair:
    price_decimals = int(given["pair_decimals"])
    return Pair(
        symbol=convert_from_exchange_trading_pair(given["wsname"]),
        key=key,
        altname=given["altname"],
        wsname=given["wsname"],
        base_asset=given["base"],
        quote_asset=given["quote"],
        tick=Decimal(str(given.get("tick_size", Decimal(1).scaleb(-price_decimals)))),
        price_decimals=price_decimals,
        lot_decimals=int(given["lot_decimals"]),
        cost_decimals=int(given.get("cost_decimals", 5)),
        minimum_size=Decimal(str(given.get("ordermin", 0))),
        minimum_cost=Decimal(str(given.get("costmin", 0))),
    )
