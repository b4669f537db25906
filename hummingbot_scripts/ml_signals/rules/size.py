"""How much money a position gets: fixed, or by how far the coin may fall. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import isfinite, sqrt

from .vocabulary import SignalView


class Sizing(StrEnum):
    """How a position's size is found."""

    FIXED = "fixed"
    VOLATILITY = "volatility"


@dataclass(frozen=True, slots=True)
class SizeConfig:
    """`quote_size` in quote currency; the shares are of the capital.

    With VOLATILITY, `risk_per_trade` of the capital is lost when the price falls by its usual
    move over the time limit, or to the stop if that is nearer.
    """

    quote_size: Decimal
    sizing: Sizing = Sizing.FIXED
    risk_per_trade: Decimal = Decimal("0.005")
    max_position_share: Decimal = Decimal("0.10")


def quote_size(
    config: SizeConfig,
    signal: SignalView,
    capital: Decimal,
    *,
    stop_loss: Decimal,
    time_limit_s: int,
) -> Decimal:
    """Return what a position is to cost, in quote currency.

    `risk_per_trade * capital / fall`, where `fall` is the lesser of the stop and one standard
    deviation over the time limit (volatility times the square root of its bars); at most
    `max_position_share` of the capital. Unknown volatility counts as the stop.
    """
    if config.sizing is Sizing.FIXED:
        return config.quote_size
    fall = min(stop_loss, usual_move(signal, time_limit_s) or stop_loss)
    most = capital * config.max_position_share
    return min(capital * config.risk_per_trade / fall, most)


def usual_move(signal: SignalView, seconds: int) -> Decimal | None:
    """Return one standard deviation of the return over `seconds`; None if it is not known."""
    if signal.bar_seconds <= 0 or not isfinite(signal.volatility) or signal.volatility <= 0:
        return None
    return Decimal(str(signal.volatility * sqrt(seconds / signal.bar_seconds)))
