"""Kraken's trading rules and locks, as Hummingbot's records. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from hummingbot.connector.exchange.kraken.kraken_utils import convert_from_exchange_trading_pair
from hummingbot.connector.trading_rule import TradingRule

from ..trades import OrderSide
from .account import RemoteOrder

ZERO = Decimal(0)


def trading_rules(asset_pairs: Iterable[Mapping[str, Any]]) -> list[TradingRule]:
    """Return the rules of all pairs of AssetPairs, with the smallest cost and the tick."""
    return [
        TradingRule(
            convert_from_exchange_trading_pair(pair["wsname"]),
            min_order_size=Decimal(str(pair.get("ordermin", 0))),
            min_price_increment=_tick(pair),
            min_base_amount_increment=Decimal(1).scaleb(-int(pair["lot_decimals"])),
            min_notional_size=Decimal(str(pair.get("costmin", 0))),
        )
        for pair in asset_pairs
        if "wsname" in pair and not str(pair.get("altname", "")).endswith(".d")
    ]


def locked(orders: Iterable[RemoteOrder], price_of: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Return what live orders tie up by asset; a market order to buy counts at `price_of`.

    An order of a pair that this bot does not trade ties up nothing that it knows of.
    """
    tied: dict[str, Decimal] = {}
    for order in orders:
        if not order.live or order.symbol is None:
            continue
        base, quote = order.symbol.split("-")
        left = order.amount - order.filled
        if order.side is OrderSide.SELL:
            asset, amount = base, left
        else:
            asset, amount = quote, left * (order.price or price_of.get(order.symbol, ZERO))
        tied[asset] = tied.get(asset, ZERO) + amount
    return tied


def _tick(pair: Mapping[str, Any]) -> Decimal:
    decimals = Decimal(1).scaleb(-int(pair["pair_decimals"]))
    return Decimal(str(pair["tick_size"])) if "tick_size" in pair else decimals
