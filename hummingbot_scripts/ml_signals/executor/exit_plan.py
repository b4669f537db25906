"""The way out of a position: what to do next until nothing that can be sold is left. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from .legs import ZERO, Leg, Outcome, Role, holding


@dataclass(frozen=True, slots=True)
class Lot:
    """What can be traded: the step and the minimum in base units, the minimum value in quote."""

    step: Decimal
    min_size: Decimal
    min_notional: Decimal

    def sellable(self, amount: Decimal, price: Decimal | None) -> Decimal:
        """Return `amount` floored to the step, 0 when that is under a minimum.

        Without a price the minimum value is not looked at.
        """
        steps = (amount / self.step).to_integral_value(ROUND_FLOOR) if self.step else amount
        floored = steps * self.step if self.step else amount
        too_cheap = price is not None and floored * price < self.min_notional
        return ZERO if floored <= 0 or floored < self.min_size or too_cheap else floored


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds.

    `entry_s`: for the whole entry; `exit_s`: for the whole of one exit order; `cancel_s`: for an
    entry's cancellation before selling what is known; `cancel_again_s`: before asking again;
    `first_retry_s` doubles after each order in vain, up to `longest_retry_s`.
    """

    entry_s: float = 10.0
    exit_s: float = 15.0
    cancel_s: float = 3.0
    cancel_again_s: float = 10.0
    first_retry_s: float = 1.0
    longest_retry_s: float = 60.0


class Do(StrEnum):
    """What to do next."""

    WAIT = "wait"
    CANCEL = "cancel"
    SELL = "sell"
    END = "end"


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next: `order_id` is what to cancel, `amount` what to sell in base units."""

    do: Do
    order_id: str | None = None
    amount: Decimal = ZERO


WAIT = Step(Do.WAIT)
END = Step(Do.END)


def wants_cancel(leg: Leg, now: float, patience: Patience) -> bool:
    """Whether to ask for a live order's end now: not asked yet, or long ago."""
    if leg.outcome is not Outcome.LIVE:
        return False
    asked = leg.cancel_asked_at
    return asked is None or now - asked >= patience.cancel_again_s


def entry_is_overdue(leg: Leg, now: float, patience: Patience) -> bool:
    """Whether an entry has had its time and what is missing should be given up."""
    return now - leg.sent_at >= patience.entry_s and wants_cancel(leg, now, patience)


def in_vain(legs: Sequence[Leg], role: Role = Role.EXIT) -> int:
    """Return how many orders of this role came to nothing since the last one that did."""
    count = 0
    for leg in reversed([leg for leg in legs if leg.role is role]):
        if not leg.fruitless:
            break
        count += 1
    return count


def retry_at(legs: Sequence[Leg], patience: Patience, role: Role = Role.EXIT) -> float:
    """Return the time before which no further order of this role is sent; 0 for at once."""
    count = in_vain(legs, role)
    if not count:
        return 0.0
    last = [leg for leg in legs if leg.role is role][-1]
    pause = patience.first_retry_s * 2.0 ** min(count - 1, 30)
    return (last.ended_at or last.sent_at) + min(pause, patience.longest_retry_s)


@dataclass(frozen=True, slots=True)
class Moment:
    """The time now and when leaving began, in epoch seconds, and the price if one is trusted."""

    now: float
    left_at: float
    price: Decimal | None


def next_step(legs: Sequence[Leg], lot: Lot, patience: Patience, moment: Moment) -> Step:
    """Return what to do next to leave the position.

    Nothing is sold while another sale's outcome is open, so that never more is sold than was
    bought.
    """
    now = moment.now
    for leg in legs:
        patient = leg.role is Role.EXIT and now - leg.sent_at < patience.exit_s
        if not patient and wants_cancel(leg, now, patience):
            return Step(Do.CANCEL, leg.order_id)
    if any(not leg.settled for leg in legs if leg.role is not Role.ENTRY):
        return WAIT
    entry_open = any(not leg.settled for leg in legs if leg.role is Role.ENTRY)
    if entry_open and now - moment.left_at < patience.cancel_s:
        return WAIT
    amount = lot.sellable(holding(legs).unsold, moment.price)
    if amount:
        return Step(Do.SELL, amount=amount) if now >= retry_at(legs, patience) else WAIT
    return WAIT if entry_open else END


def next_step_to_keep(legs: Sequence[Leg], patience: Patience, now: float) -> Step:
    """Return what to do next to let go of the position unsold; a protective stop stays."""
    for leg in legs:
        if leg.role is Role.ENTRY and wants_cancel(leg, now, patience):
            return Step(Do.CANCEL, leg.order_id)
    open_legs = [leg for leg in legs if leg.role is not Role.PROTECTIVE and not leg.settled]
    return WAIT if open_legs else END
