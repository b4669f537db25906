"""Orders and trades as the matching engine keeps them; sizes in base, money in quote units."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from market_sim.faults import Where
from market_sim.kraken_pairs import Pair


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """Kraken's order types that the stand-in knows; a stop-loss becomes a market order."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop-loss"


class OrderStatus(StrEnum):
    """Kraken's order states."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class TimeInForce(StrEnum):
    """How long an order stays: until cancelled, not at all, or until a moment."""

    GTC = "GTC"
    IOC = "IOC"
    GTD = "GTD"


class OrderStep(StrEnum):
    """What happened to an order; all but the first have a message on the private stream."""

    ACCEPTED = "accepted"
    NEW = "new"
    OPEN = "open"
    FILL = "fill"
    CLOSED = "closed"


class OrderRefusedError(Exception):
    """Kraken's own error text, such as `EOrder:Insufficient funds`."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a client asks for; `trigger` is a stop-loss order's price, `name` its `cl_ord_id`."""

    pair: Pair
    side: Side
    order_type: OrderType
    size: Decimal
    limit: Decimal | None = None
    userref: int = 0
    post_only: bool = False
    trigger: Decimal | None = None
    name: str | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: datetime | None = None

    @property
    def buy(self) -> bool:
        """Whether it buys the base asset."""
        return self.side is Side.BUY

    def where(self, method: str | None = None) -> Where:
        """Return what a fault's filter can know of it."""
        return Where(self.pair.symbol, self.side.value, method, self.order_type.value)

    @property
    def price(self) -> Decimal | None:
        """The one price that it names: a limit, a trigger, or None."""
        return self.trigger if self.limit is None else self.limit


@dataclass(slots=True)
class Fate:
    """What a fault has in store for an order; it is listed and fills from a moment on only."""

    listed_from: datetime | None = None
    fills_from: datetime | None = None
    rejected_at: datetime | None = None
    share: Decimal = Decimal(1)
    canceled_at_share: bool = False


@dataclass(slots=True)
class Order:
    """One order and what has become of it; `reserved` is what it tied up at first."""

    id: str
    wanted: NewOrder
    opened_at: datetime
    reserved: Decimal
    status: OrderStatus = OrderStatus.PENDING
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    closed_at: datetime | None = None
    reason: str | None = None
    triggered: bool = False
    fate: Fate = field(default_factory=Fate)

    @property
    def pair(self) -> Pair:
        """The pair it trades."""
        return self.wanted.pair

    @property
    def buy(self) -> bool:
        """Whether it buys the base asset."""
        return self.wanted.buy

    @property
    def remaining(self) -> Decimal:
        """What is still to fill."""
        return self.wanted.size - self.filled

    @property
    def average_price(self) -> Decimal:
        """The average price of its fills, 0 without any."""
        return self.cost / self.filled if self.filled else Decimal(0)

    @property
    def live(self) -> bool:
        """Whether it can still fill."""
        return self.status in {OrderStatus.PENDING, OrderStatus.OPEN}

    def held(self, asset: str) -> Decimal:
        """Return what of an asset it ties up."""
        if not self.live:
            return Decimal(0)
        if self.buy and asset == self.pair.quote_asset:
            return max(self.reserved - self.cost - self.fee, Decimal(0))
        if not self.buy and asset == self.pair.base_asset:
            return self.remaining
        return Decimal(0)


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill of one of the account's orders."""

    id: str
    order_id: str
    wanted: NewOrder
    price: Decimal
    size: Decimal
    cost: Decimal
    fee: Decimal
    maker: bool
    at: datetime

    @property
    def pair(self) -> Pair:
        """The pair that was traded."""
        return self.wanted.pair


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """A trade as everyone sees it; `side` is that of who came last."""

    pair: Pair
    side: Side
    order_type: OrderType
    price: Decimal
    size: Decimal
    at: datetime


@dataclass(slots=True)
class Listeners:
    """Who is told of what: the streams, and `watchers` of each step, before anyone hears of it."""

    order_changed: Callable[[Order, OrderStep], None] = lambda order, step: None  # noqa: ARG005
    traded: Callable[[Trade], None] = lambda trade: None  # noqa: ARG005
    printed: Callable[[PublicTrade], None] = lambda trade: None  # noqa: ARG005
    watchers: list[Callable[[Order, OrderStep], None]] = field(default_factory=list)

    def step(self, order: Order, step: OrderStep) -> None:
        """Tell of a step of an order."""
        if step is not OrderStep.ACCEPTED:
            self.order_changed(order, step)
        for watcher in self.watchers:
            watcher(order, step)
