"""Paper orders and trades; sizes in base, money in quote units, times tz-aware UTC. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from ..trades import OrderSide

ZERO = Decimal(0)


class Kind(StrEnum):
    """The order types of Kraken that the paper account knows; a stop-loss ends as a market one."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop-loss"


class Status(StrEnum):
    """Kraken's words for where an order stands."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"


class StepKind(StrEnum):
    """What happened to an order; each has a message of its own on the private stream."""

    NEW = "new"
    OPEN = "open"
    FILL = "fill"
    END = "end"


class RefusedError(Exception):
    """What Kraken would answer, in its own words, such as `EOrder:Insufficient funds`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What AddOrder asks for; `price` is the limit, or the trigger of a stop-loss."""

    symbol: str
    side: OrderSide
    kind: Kind
    size: Decimal
    price: Decimal | None = None
    userref: int = 0
    post_only: bool = False

    @property
    def buys(self) -> bool:
        """Whether it buys the base currency."""
        return self.side is OrderSide.BUY

    @property
    def limit(self) -> Decimal | None:
        """The worst price that it takes; None takes any."""
        return self.price if self.kind is Kind.LIMIT else None


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An order and what has become of it.

    `reserved` is what it tied up at first; `rested`: it has been through the book once, so that
    a limit order's further fills are a maker's; `triggered`: a stop-loss that has begun to trade.
    """

    txid: str
    wanted: Wanted
    opened_at: datetime
    reserved: Decimal
    status: Status = Status.PENDING
    filled: Decimal = ZERO
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    rested: bool = False
    triggered: bool = False
    closed_at: datetime | None = None
    reason: str | None = None

    @property
    def live(self) -> bool:
        """Whether it can still fill."""
        return self.status in {Status.PENDING, Status.OPEN}

    @property
    def left(self) -> Decimal:
        """What is still to fill."""
        return self.wanted.size - self.filled

    @property
    def average_price(self) -> Decimal:
        """Quote per base over its fills, 0 without any."""
        return self.cost / self.filled if self.filled else ZERO

    @property
    def tied_up(self) -> Decimal:
        """What it keeps from other orders: quote currency if it buys, base if it sells."""
        if not self.live:
            return ZERO
        return max(self.reserved - self.cost - self.fee, ZERO) if self.wanted.buys else self.left


@dataclass(frozen=True, slots=True)
class PaperTrade:
    """One fill; `fee` in quote currency."""

    trade_id: str
    txid: str
    price: Decimal
    size: Decimal
    cost: Decimal
    fee: Decimal
    maker: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to an order, which is given as it was right after."""

    kind: StepKind
    order: PaperOrder
    trade: PaperTrade | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What one event does to an order, as it then stands, and to the balances that it moves."""

    order: PaperOrder
    steps: tuple[Step, ...] = ()
    balances: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def trades(self) -> tuple[PaperTrade, ...]:
        """The fills among the steps."""
        return tuple(step.trade for step in self.steps if step.trade is not None)
