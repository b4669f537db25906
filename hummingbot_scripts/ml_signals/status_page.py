"""What the status page shows: plain records, before they become text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .client import ReceivedSignal
from .rules.halts import Halt
from .trades import Position


@dataclass(frozen=True, slots=True)
class Holding:
    """One position as the status page shows it.

    `net_pnl_share` and `trailing_trigger` are shares of the entry's cost, net of fees paid;
    `protective` is the trigger of the stop that rests at the exchange.
    """

    position: Position
    entry_price: Decimal | None
    net_pnl_share: Decimal | None
    closing: bool
    watched: bool
    price_now: Decimal | None = None
    amount: Decimal | None = None
    trailing_trigger: Decimal | None = None
    protective: Decimal | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Where the bot stands against its limits; money in quote currency, losses above 0."""

    day_pnl: Decimal
    day_loss_limit: Decimal
    exposure: Decimal
    exposure_limit: Decimal
    max_positions: int
    losses_in_row: int
    max_losses_in_row: int
    day_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class StatusPage:
    """Everything that the page shows. Times are tz-aware UTC.

    `problems` are what a person should know first; `clock_skew_s` is how far this clock is ahead
    of the server's; `min_confidence` says which signals count as confident.
    """

    now: datetime
    mode: str
    feed: str
    outbox_waiting: int
    outbox_refused: int
    outbox_problem: str
    holdings: Sequence[Holding]
    signals: Mapping[str, ReceivedSignal | None]
    reasons: Mapping[str, str]
    reason_counts: Mapping[str, int]
    closed: Sequence[tuple[Position, Decimal | None]]
    bot_id: str = ""
    problems: Sequence[str] = ()
    clock_skew_s: float | None = None
    control: str = "RUN"
    control_why: str = ""
    halts: Sequence[Halt] = ()
    limits: Limits | None = None
    min_confidence: Decimal = field(default=Decimal(0))
