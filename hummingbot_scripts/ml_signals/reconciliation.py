"""What a recovery finds out: the records between the pure judgement and those who act on it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .claims import Leg
from .rules import ExitReason
from .trades import ZERO, Fill, OrderStatus, Position, PositionState

BALANCE_LAG = timedelta(seconds=15)
"""A balance may lag behind the trades; coins count as gone only after so long."""


class DifferenceKind(StrEnum):
    """In what way the account is not what the journal says."""

    SOLD_ELSEWHERE = "SOLD_ELSEWHERE"
    OVERSOLD = "OVERSOLD"
    DOUBLED = "DOUBLED"
    CANCELED_ELSEWHERE = "CANCELED_ELSEWHERE"
    UNLISTED = "UNLISTED"
    MORE_THAN_OURS = "MORE_THAN_OURS"

    @property
    def needs_person(self) -> bool:
        """Whether nothing new may be opened before a person accepts it."""
        return self in _GRAVE


_GRAVE = frozenset(
    {DifferenceKind.SOLD_ELSEWHERE, DifferenceKind.OVERSOLD, DifferenceKind.UNLISTED}
)


@dataclass(frozen=True, slots=True)
class Difference:
    """Where journal and account disagree, in words; `amount` in base units."""

    kind: DifferenceKind
    symbol: str
    position_id: str
    amount: Decimal
    words: str


@dataclass(frozen=True, slots=True)
class OrderState:
    """What an order has become: its status and the exchange's id."""

    order_id: str
    status: OrderStatus
    txid: str | None


@dataclass(frozen=True, slots=True)
class Adoption:
    """A position that is held and must be guarded again.

    `entry` is one order that stands for all that bought; `exits` are all that sold, or may yet;
    `protective` the stops that rest at the exchange. `held` base units are there. Where that is
    less than was bought and not sold, the fills of `entry` are cut to what explains `held`.
    """

    position: Position
    entry: Leg
    exits: tuple[Leg, ...]
    protective: tuple[Leg, ...]
    held: Decimal

    @property
    def entries(self) -> tuple[Leg, ...]:
        """The entry alone."""
        return (self.entry,)


@dataclass(frozen=True, slots=True)
class Finished:
    """A position of which nothing is held any more, what it is now, and when and why it ended."""

    position_id: str
    state: PositionState
    reason: ExitReason | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A position that cannot be judged yet, and why; ask the exchange again.

    If that does not help, there is a difference about it that needs a person.
    """

    position_id: str
    symbol: str
    words: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What to journal, adopt and cancel so that journal and account agree.

    What is in `cancel` is of positions that are unsettled; while any is, look again.
    """

    new_fills: tuple[Fill, ...] = ()
    order_states: tuple[OrderState, ...] = ()
    adopt: tuple[Adoption, ...] = ()
    cancel: tuple[str, ...] = ()
    finished: tuple[Finished, ...] = ()
    unsettled: tuple[Unsettled, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def money_at_stake(self) -> bool:
        """Whether nothing new may be opened: something is open, or a person has to look."""
        return bool(self.unsettled) or any(found.kind.needs_person for found in self.differences)


@dataclass(frozen=True, slots=True)
class Look:
    """When the exchange was asked: now, first in this recovery, and what `since` it was asked.

    `now` is the moment before the first question.

    `min_sizes` are the smallest base amounts that can be sold, by symbol; `traded` are the symbols
    that the connector knows, None for all: of others it cannot say whose an order is. `beyond` are
    the coins beyond the bot's that the account held at the last start, in base units by symbol.
    """

    now: datetime
    first_at: datetime
    since: datetime
    min_sizes: Mapping[str, Decimal] = field(default_factory=dict)
    traded: Collection[str] | None = None
    beyond: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def lasting(self) -> bool:
        """Whether what differs has had the time that a balance may lag."""
        return self.now - self.first_at >= BALANCE_LAG

    def is_news(self, symbol: str, beyond: Decimal) -> bool:
        """Whether the account holds other coins of nobody's than at the last start."""
        changed = abs(beyond - self.beyond.get(symbol, ZERO))
        return changed > 0 and changed >= self.min_sizes.get(symbol, ZERO)

    def can_judge(self, symbol: str) -> bool:
        """Whether the exchange's orders of a symbol can be told from others."""
        return self.traded is None or symbol in self.traded


def join(one: Reconciliation, other: Reconciliation) -> Reconciliation:
    """Return both as one."""
    names = Reconciliation.__dataclass_fields__
    return Reconciliation(**{name: getattr(one, name) + getattr(other, name) for name in names})
