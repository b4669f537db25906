"""Why a position ended that nobody watched: by its orders, by what was noted, or by its plan."""

from collections.abc import Sequence

from .claims import Leg, bought
from .plan import Plan
from .rules import ExitReason
from .trades import OrderRole, Position, Totals, total


def ended_by(position: Position, legs: Sequence[Leg]) -> ExitReason:
    """Return why a position ended.

    STOP_LOSS where the protective stop sold last, else what was noted when it was left, else what
    its plan and its price make likely.
    """
    if not bought(legs):
        return ExitReason.FAILED
    exits = [leg for leg in legs if leg.order.is_exit and leg.fills]
    last = max(exits, key=lambda leg: leg.fills[-1].filled_at, default=None)
    if last is not None and last.order.role is OrderRole.PROTECTIVE:
        return ExitReason.STOP_LOSS
    if position.exit_reason is not None:
        return position.exit_reason
    if last is None or position.plan is None:
        return ExitReason.EARLY_STOP
    entry = total(fill for leg in legs if not leg.order.is_exit for fill in leg.fills)
    left = total(fill for leg in exits for fill in leg.fills)
    sent_at = last.order.created_at.timestamp()
    return _likely(position.plan, entry, left, sent_at)


def _likely(plan: Plan, entry: Totals, left: Totals, sent_at: float) -> ExitReason:
    if not entry.average_price or left.average_price is None:
        return ExitReason.EARLY_STOP
    share = left.average_price / entry.average_price - 1
    if plan.stop_loss is not None and share <= -plan.stop_loss:
        return ExitReason.STOP_LOSS
    if plan.take_profit is not None and share >= plan.take_profit:
        return ExitReason.TAKE_PROFIT
    if plan.time_limit_s is not None and sent_at >= plan.timestamp + plan.time_limit_s:
        return ExitReason.TIME_LIMIT
    return ExitReason.EARLY_STOP
