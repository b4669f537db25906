"""How much money a position gets: fixed, or by how far the coin may fall. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from math import isfinite, sqrt

from .vocabulary import Reason, SignalView


class Sizing(StrEnum):
    """How a position's size is found."""

    FIXED = "fixed"
    VOLATILITY = "volatility"


@dataclass(frozen=True, slots=True)
class SizeConfig:
    """`quote_size` and `max_size` in quote currency; the shares are of the capital.

    With VOLATILITY, `risk_per_trade` of the capital is lost when the price falls to the stop, or
    by its usual move over the time limit if that is further.
    """

    quote_size: Decimal
    sizing: Sizing = Sizing.FIXED
    risk_per_trade: Decimal = Decimal("0.005")
    max_position_share: Decimal = Decimal("0.10")
    max_size: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """How a position is held: `stop_loss` as a share of its price, and for how long at most."""

    stop_loss: Decimal
    time_limit_s: int


def quote_size(
    config: SizeConfig, signal: SignalView, capital: Decimal, holding: Holding
) -> Decimal | Reason:
    """Return what a position is to cost, in quote currency, or why that cannot be told.

    FIXED is `quote_size`. VOLATILITY is `risk_per_trade * capital / fall`, where `fall` is the
    greater of the stop and one standard deviation of the return over the time limit (volatility
    times the square root of its bars), at most `max_position_share` of the capital and `max_size`.
    """
    if config.sizing is Sizing.FIXED:
        return config.quote_size
    move = usual_move(signal, holding.time_limit_s)
    if move is None:
        return Reason.NO_VOLATILITY
    if not capital.is_finite() or capital <= 0:
        return Reason.NO_CAPITAL
    wanted = capital * config.risk_per_trade / max(holding.stop_loss, move)
    size = min(wanted, capital * config.max_position_share)
    return size if config.max_size is None else min(size, config.max_size)


def usual_move(signal: SignalView, seconds: int) -> Decimal | None:
    """Return one standard deviation of the return over `seconds`; None if it is not known."""
    if signal.bar_seconds <= 0 or not isfinite(signal.volatility) or signal.volatility <= 0:
        return None
    return Decimal(str(signal.volatility * sqrt(seconds / signal.bar_seconds)))
