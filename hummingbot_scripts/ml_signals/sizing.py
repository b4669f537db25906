"""How much to buy, or why not: pure arithmetic on what the exchange says."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum


class Obstacle(StrEnum):
    """Why a decision of the rules cannot be carried out now."""

    NOT_READY = "exchange connection is not ready"
    NO_PRICE = "no price from the exchange"
    NOT_TRUSTED = "book of the exchange cannot be trusted now"
    NO_TRADING_RULE = "exchange has no trading rule for this coin"
    BELOW_MINIMUM = "size is below the exchange's minimum order"
    NO_BALANCE = "not enough quote currency for the order and its fee"
    CLOSING = "position is closing already"
    LEFT_BEHIND = "position of an earlier run is not resolved"


@dataclass(frozen=True, slots=True)
class Quote:
    """What the exchange says about one coin: prices and balance in quote currency.

    `fee_share` is the taker fee as a share of the order's value; `lot` and `min_size` are in
    base, `min_notional` in quote currency.
    """

    bid: Decimal
    ask: Decimal
    available: Decimal
    fee_share: Decimal
    lot: Decimal
    min_size: Decimal
    min_notional: Decimal

    @property
    def mid(self) -> Decimal:
        """Halfway between the best prices."""
        return (self.bid + self.ask) / 2


def size_entry(quote_size: Decimal, quote: Quote) -> Decimal | Obstacle:
    """Return the base amount that `quote_size` buys, floored to the lot, or what is in the way."""
    if not _is_price(quote.bid) or not _is_price(quote.ask):
        return Obstacle.NO_PRICE
    amount = floor_to(quote_size / quote.mid, quote.lot)
    too_small = amount < quote.min_size or amount * quote.mid < quote.min_notional
    if too_small or not amount:
        return Obstacle.BELOW_MINIMUM
    if amount * quote.ask * (1 + quote.fee_share) > quote.available:
        return Obstacle.NO_BALANCE
    return amount


def floor_to(amount: Decimal, lot: Decimal) -> Decimal:
    """Return the largest multiple of `lot` that is not above `amount`."""
    return (amount / lot).to_integral_value(rounding=ROUND_DOWN) * lot


def _is_price(price: Decimal) -> bool:
    return price.is_finite() and price > 0
