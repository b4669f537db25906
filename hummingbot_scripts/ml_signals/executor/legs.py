"""The orders of one long position and what they add up to. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

ZERO = Decimal(0)


class Role(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    EXIT = "exit"
    PROTECTIVE = "protective stop"


class Outcome(StrEnum):
    """How much is known of what became of an order."""

    SENT = "sent"
    """The exchange has not said whether it has it."""
    LIVE = "live"
    """The exchange has it, and it may still fill."""
    UNSETTLED = "unsettled"
    """It is complete, but not all of its fills are known."""
    DONE = "done"
    """It fills no more, and all of its fills are known."""
    REFUSED = "refused"
    """The exchange never had it."""


SETTLED = frozenset({Outcome.DONE, Outcome.REFUSED})


@dataclass(frozen=True, slots=True)
class Leg:
    """One order: `amount` and `filled` in base units, times in epoch seconds.

    `quote` is what the fills cost without fees; `ended_at` is when it was first seen settled.
    """

    role: Role
    order_id: str
    amount: Decimal
    sent_at: float
    outcome: Outcome = Outcome.SENT
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    fee_quote: Decimal = ZERO
    cancel_asked_at: float | None = None
    cancel_first_asked_at: float | None = None
    ended_at: float | None = None
    why: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it fills no more and all of its fills are known."""
        return self.outcome in SETTLED

    @property
    def fruitless(self) -> bool:
        """Whether it ended without any fill."""
        return self.settled and not self.filled


@dataclass(frozen=True, slots=True)
class Holding:
    """What the fills known so far add up to, in base and quote units."""

    bought: Decimal = ZERO
    bought_quote: Decimal = ZERO
    sold: Decimal = ZERO
    sold_quote: Decimal = ZERO
    fee_quote: Decimal = ZERO

    @property
    def unsold(self) -> Decimal:
        """What is still held, in base units; never below 0."""
        return max(self.bought - self.sold, ZERO)

    @property
    def entry_price(self) -> Decimal | None:
        """Quote per base over all entry fills; None before the first."""
        return self.bought_quote / self.bought if self.bought else None

    @property
    def exit_price(self) -> Decimal | None:
        """Quote per base over all exit fills; None before the first."""
        return self.sold_quote / self.sold if self.sold else None

    def gain(self, price: Decimal) -> Decimal:
        """Return the profit before fees with what is unsold valued at `price`."""
        return self.sold_quote + self.unsold * price - self.bought_quote

    def realised_gain(self) -> Decimal:
        """Return the profit before fees of what was sold; a remainder counts at its cost."""
        if not self.bought or self.sold >= self.bought:
            return self.sold_quote - self.bought_quote
        return self.sold_quote - self.bought_quote * self.sold / self.bought


def holding(legs: Iterable[Leg]) -> Holding:
    """Add up the fills of all orders of a position."""
    bought = bought_quote = sold = sold_quote = fee = ZERO
    for leg in legs:
        fee += leg.fee_quote
        if leg.role is Role.ENTRY:
            bought += leg.filled
            bought_quote += leg.quote
        else:
            sold += leg.filled
            sold_quote += leg.quote
    return Holding(bought, bought_quote, sold, sold_quote, fee)
