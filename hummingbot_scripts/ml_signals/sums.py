"""What the journal's positions hold, have cost and have earned."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import takewhile

from .claims import ENDED
from .journal import Journal
from .trades import ZERO, LossStreak, OrderRole, OrderStatus, Totals, realised_pnl, total

LONGEST_STREAK = 100
"""Longer streaks of losses are not counted to their end."""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a position's coins have cost so far, and with all that its entry is to cost."""

    so_far: Decimal
    at_most: Decimal


class PositionSums:
    """Sums over the journal's orders and fills, in base or quote currency."""

    def __init__(self, journal: Journal, held: dict[str, str]) -> None:
        """Sum over `journal`; `held` are the ids of the unfinished positions by coin."""
        self._journal = journal
        self._held = held
        self._costs: dict[str, _Cost] = {}

    def entry(self, position_id: str) -> Totals:
        """Return the sum of all entry fills of a position."""
        return self._sum(position_id, exits=False)

    def exit(self, position_id: str) -> Totals:
        """Return the sum of all exit fills of a position."""
        return self._sum(position_id, exits=True)

    def _sum(self, position_id: str, *, exits: bool) -> Totals:
        orders = self._journal.orders(position_id)
        return total(
            fill
            for order in orders
            if order.is_exit is exits
            for fill in self._journal.fills(order.order_id)
        )

    def open_amount(self, position_id: str) -> Decimal:
        """Return the base amount bought, not sold and not written off.

        A complete order whose fills are unknown counts as sent.
        """
        left = -self._journal.position(position_id).written_off
        for order in self._journal.orders(position_id):
            done = total(self._journal.fills(order.order_id)).amount
            if not done and order.status is OrderStatus.FILLED:
                done = order.amount
            left += -done if order.is_exit else done
        return left

    def pnl(self, position_id: str) -> Decimal | None:
        """Return the realised profit of a position, net of fees; None before it has one."""
        return realised_pnl(self.entry(position_id), self.exit(position_id))

    def realised_since(self, moment: datetime) -> Decimal:
        """Return what positions closed since `moment` have earned; unfinished ones do not count."""
        return sum(self._journal.earned_since(moment), ZERO)

    def loss_streak(self, since: datetime | None = None) -> LossStreak:
        """Return the losses since the last win, of those closed after `since`."""
        results = self._journal.recent_results(LONGEST_STREAK)
        losses = [
            closed_at
            for closed_at, pnl in takewhile(lambda result: result[1] < 0, results)
            if since is None or closed_at > since
        ]
        return LossStreak(len(losses), losses[0] if losses else None)

    def exposure(self) -> Decimal:
        """Return what the coins that are held now have cost, in quote currency, without fees.

        An entry that is under way counts with all that it is to cost.
        """
        costs = (self._cost(position_id).at_most for position_id in self._held.values())
        return sum(costs, ZERO)

    def invested(self) -> Decimal:
        """Return what has been paid for the coins that are held now, without fees."""
        return sum((self._cost(position_id).so_far for position_id in self._held.values()), ZERO)

    def _changed(self, position_id: str) -> None:
        """Read a position's cost again when it is asked for: its orders or fills have changed."""
        self._costs.pop(position_id, None)

    def _cost(self, position_id: str) -> _Cost:
        cost = self._costs.get(position_id)
        if cost is None:
            so_far = self._cost_so_far(position_id)
            planned = self._planned_cost(position_id) if self._buys(position_id) else ZERO
            cost = self._costs[position_id] = _Cost(so_far, max(so_far, planned))
        return cost

    def _cost_so_far(self, position_id: str) -> Decimal:
        entry = self.entry(position_id)
        left = max(self.open_amount(position_id), ZERO)
        return entry.quote * left / entry.amount if entry.amount else ZERO

    def _planned_cost(self, position_id: str) -> Decimal:
        position = self._journal.position(position_id)
        plan = position.plan
        return position.amount * (plan.entry_price if plan else position.reference_price)

    def _buys(self, position_id: str) -> bool:
        """Whether the entry is about to be sent, or not complete yet."""
        orders = self._journal.orders(position_id)
        entries = [order for order in orders if order.role is OrderRole.ENTRY]
        return not orders or any(order.status not in ENDED for order in entries)
