"""Records of positions, orders and fills, and the arithmetic of money over them. All pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, localcontext
from enum import StrEnum

from .plan import Plan
from .rules import ExitReason

ZERO = Decimal(0)
BASIS_POINTS = Decimal(10_000)

_EXACT = Context(prec=60)
"""Enough for every sum and product of a coin's prices, amounts and fees."""

_SMALLEST = Decimal("1e-18")
"""Shares of a cost are cut here; the last exit takes what is left."""


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

    `written_off` is what somebody else took of it; `plan` is unknown in journals of before;
    `trailing_trigger` is the net profit share below which an armed trailing stop sells.
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
    trailing_trigger: Decimal | None = None

    @property
    def coin(self) -> str:
        """The base currency."""
        return self.symbol.split("-")[0]


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
class Submission:
    """An order as it is handed to the exchange.

    Without `role` a purchase enters and a sale leaves; `trigger` is the price that sets a
    protective stop off; `reason` is why a sale leaves the position, where that is known.
    """

    order_id: str
    symbol: str
    side: OrderSide
    order_type: str
    amount: Decimal
    reference_price: Decimal | None
    role: OrderRole | None = None
    trigger: Decimal | None = None
    reason: ExitReason | None = None

    @property
    def purpose(self) -> OrderRole:
        """What it is for."""
        by_side = OrderRole.ENTRY if self.side is OrderSide.BUY else OrderRole.EXIT
        return self.role or by_side


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
    """The sum of some fills, in base (`amount`) and quote currency, and their first and last."""

    amount: Decimal = ZERO
    quote: Decimal = ZERO
    fee_quote: Decimal = ZERO
    filled_at: datetime | None = None
    first_filled_at: datetime | None = None

    @property
    def average_price(self) -> Decimal | None:
        """Quote per base over all fills; None before the first."""
        return self.quote / self.amount if self.amount else None


@dataclass(frozen=True, slots=True)
class LossStreak:
    """How many closed positions in a row lost money, and when the last one closed."""

    count: int = 0
    last_at: datetime | None = None


def total(fills: Iterable[Fill]) -> Totals:
    """Add up `fills` without rounding."""
    amount = quote = fee = ZERO
    times: list[datetime] = []
    with localcontext(_EXACT):
        for fill in fills:
            amount += fill.amount
            quote += fill.quote
            fee += fill.fee_quote
            times.append(fill.filled_at)
    return Totals(amount, quote, fee, max(times, default=None), min(times, default=None))


def realised_pnl(entry: Totals, exit_: Totals, sold_before: Decimal = ZERO) -> Decimal | None:
    """Return the profit of an exit net of its fee and of its share of the entry's cost and fee.

    `sold_before` base units of the position were sold by earlier exits. The shares of all exits
    of what was bought add up to the whole cost, to the last digit, so the profits add up to the
    change of the balance. None when either side has no known fill.
    """
    if not entry.amount or not exit_.amount:
        return None
    with localcontext(_EXACT):
        until = _cost_of(entry, sold_before + exit_.amount)
        return exit_.quote - exit_.fee_quote - (until - _cost_of(entry, sold_before))


def _cost_of(entry: Totals, amount: Decimal) -> Decimal:
    """Return what the first `amount` base units of an entry cost with their fee."""
    cost = entry.quote + entry.fee_quote
    if amount >= entry.amount:
        return cost
    return (cost * amount / entry.amount).quantize(_SMALLEST)


def slippage_bps(side: OrderSide, average: Decimal, reference: Decimal | None) -> Decimal | None:
    """Return what the fill cost against `reference`, in basis points; above 0 it was worse."""
    if not reference:
        return None
    sign = 1 if side is OrderSide.BUY else -1
    return sign * (average / reference - 1) * BASIS_POINTS


def holding_s(entry: Totals, exit_: Totals) -> Decimal | None:
    """Return the seconds from the first fill of an entry to the last of an exit, if both exist."""
    if entry.first_filled_at is None or exit_.filled_at is None:
        return None
    return Decimal(str((exit_.filled_at - entry.first_filled_at).total_seconds()))
