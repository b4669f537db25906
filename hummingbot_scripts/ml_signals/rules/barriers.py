"""When a position is left by itself: stop, trailing stop, take-profit, time limit. Pure.

The levels may be prices or shares of profit, as long as all are the same. A bar is judged by its
lowest and highest, so that of two barriers in one bar the worse is assumed; a moment has one
price for both. The order is that of Hummingbot's PositionExecutor, which the bot runs.
"""

from dataclasses import dataclass
from decimal import Decimal

from .vocabulary import ExitReason


@dataclass(frozen=True, slots=True)
class Levels[N: (float, Decimal)]:
    """Where a long position is left; `trailing` is None while the trailing stop is not armed."""

    stop_loss: N
    take_profit: N
    trailing: N | None = None


@dataclass(frozen=True, slots=True)
class Trailing[N: (float, Decimal)]:
    """The trailing stop: armed above `activation`, it follows the best so far by `delta`."""

    activation: N
    delta: N


def reached[N: (float, Decimal)](
    levels: Levels[N], lowest: N, highest: N, *, timed_out: bool
) -> ExitReason | None:
    """Return why the position is left now, None if it is not."""
    if lowest <= levels.stop_loss:
        return ExitReason.STOP_LOSS
    if levels.trailing is not None and lowest < levels.trailing:
        return ExitReason.TRAILING_STOP
    if highest >= levels.take_profit:
        return ExitReason.TAKE_PROFIT
    return ExitReason.TIME_LIMIT if timed_out else None


def raised[N: (float, Decimal)](level: N | None, highest: N, trailing: Trailing[N]) -> N | None:
    """Return the trailing stop's level after a new `highest`; it never falls."""
    if level is None and highest <= trailing.activation:
        return None
    following = highest - trailing.delta
    return following if level is None else max(level, following)
