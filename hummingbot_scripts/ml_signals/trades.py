"""Records of positions, orders and fills, and the arithmetic of money over them. All pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from .plan import Plan
from .rules import ExitReason

ZERO = Decimal(0)
BASIS_POINTS = Decimal(10_000)


class OrderStatus(StrEnum):
    """Where an order stands, in the words of the trade log."""

    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


class OrderSide(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"


class OrderRole(StrEnum):
    """What an order is for; `PROTECTIVE` is a stop-loss order that rests at the exchange."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"
    PROTECTIVE = "PROTECTIVE"


class PositionState(StrEnum):
    """What has become of a position.

    `KEPT`: the bot stopped and left it; `UNRESOLVED`: the bot lost track of its exit; `GONE`:
    somebody else took the coins.
    """

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    KEPT = "KEPT"
    UNRESOLVED = "UNRESOLVED"
    GONE = "GONE"


@dataclass(frozen=True, slots=True)
class Position:
    """One long position from decision to exit. Prices in quote, amounts in base currency.

    `written_off` is what somebody else took of it; `plan` is unknown in journals of before.
    """

    position_id: str
    symbol: str
    signal_id: int
    confidence: Decimal
    reference_price: Decimal
    amount: Decimal
    opened_at: datetime
    state: PositionState = PositionState.OPEN
    closed_at: datetime | None = None
    exit_reason: ExitReason | None = None
    plan: Plan | None = None
    written_off: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Order:
    """One order as it was sent; `reference_price` is the book's middle then, if it had one.

    `txid` is the exchange's id once it is known; `trigger` the price that sets a stop off.
    """

    order_id: str
    position_id: str
    symbol: str
    side: OrderSide
    order_type: str
    amount: Decimal
    reference_price: Decimal | None
    created_at: datetime
    role: OrderRole
    status: OrderStatus = OrderStatus.OPEN
    txid: str | None = None
    trigger: Decimal | None = None

    @property
    def is_exit(self) -> bool:
        """Whether it leaves the position."""
        return self.role is not OrderRole.ENTRY

    @property
    def userref(self) -> int | None:
        """The number that the exchange knows it by; None for ids of the old paper exchange."""
        digits = self.order_id.isascii() and self.order_id.isdigit()
        return int(self.order_id) if digits else None


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order; `cost_quote` is what the exchange booked, if it said so."""

    order_id: str
    trade_id: str
    price: Decimal
    amount: Decimal
    fee_quote: Decimal
    filled_at: datetime
    cost_quote: Decimal | None = None

    @property
    def quote(self) -> Decimal:
        """What was paid or received without the fee: as booked, else price times amount."""
        return self.price * self.amount if self.cost_quote is None else self.cost_quote


@dataclass(frozen=True, slots=True)
class Totals:
    """The sum of some fills, in base (`amount`) and quote currency."""

    amount: Decimal = ZERO
    quote: Decimal = ZERO
    fee_quote: Decimal = ZERO
    filled_at: datetime | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Quote per base over all fills; None before the first."""
        return self.quote / self.amount if self.amount else None


def total(fills: Iterable[Fill]) -> Totals:
    """Add up `fills`; `filled_at` is the time of the latest."""
    amount = quote = fee = ZERO
    latest: datetime | None = None
    for fill in fills:
        amount += fill.amount
        quote += fill.quote
        fee += fill.fee_quote
        latest = fill.filled_at if latest is None else max(latest, fill.filled_at)
    return Totals(amount, quote, fee, latest)


def realised_pnl(entry: Totals, exit_: Totals) -> Decimal | None:
    """Return the profit of an exit net of its fee and of its share of the entry's cost and fee.

    None when either side has no known fill.
    """
    if not entry.amount or not exit_.amount:
        return None
    cost = entry.quote + entry.fee_quote
    share = cost if exit_.amount == entry.amount else cost * exit_.amount / entry.amount
    return exit_.quote - exit_.fee_quote - share


def slippage_bps(side: OrderSide, average: Decimal, reference: Decimal | None) -> Decimal | None:
    """Return what the fill cost against `reference`, in basis points; above 0 it was worse."""
    if not reference:
        return None
    sign = 1 if side is OrderSide.BUY else -1
    return sign * (average / reference - 1) * BASIS_POINTS
