"""Orders, matching, fees and balances of one account, exact to the last digit."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from enum import StrEnum
from typing import Protocol

from market_sim.kraken_book import Book, BookChange, Take
from market_sim.kraken_pairs import COST_MINIMUM, Fees, Pair, pair_of

_CENTS = Decimal("0.00001")


class PriceSource(Protocol):
    """Whatever moves the market."""

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols that trade."""
        ...

    def price_at(self, symbol: str, when: datetime) -> float:
        """Return the price at an instant (UTC)."""
        ...


class OrderStatus(StrEnum):
    """Kraken's order states."""

    PENDING = "pending"
    OPEN = "open"
    CLOSED = "closed"
    CANCELED = "canceled"


class OrderRefusedError(Exception):
    """Kraken's own error text, such as `EOrder:Insufficient funds`."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill. `fee` is in quote currency."""

    id: str
    order_id: str
    pair: Pair
    side: str
    order_type: str
    price: Decimal
    size: Decimal
    cost: Decimal
    fee: Decimal
    maker: bool
    at: datetime
    userref: int


@dataclass(slots=True)
class Order:
    """One order and what has become of it; sizes in base units."""

    id: str
    pair: Pair
    side: str
    order_type: str
    size: Decimal
    limit: Decimal | None
    userref: int
    post_only: bool
    opened_at: datetime
    status: OrderStatus = OrderStatus.PENDING
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    closed_at: datetime | None = None

    @property
    def buy(self) -> bool:
        """Whether it buys the base asset."""
        return self.side == "buy"

    @property
    def remaining(self) -> Decimal:
        """What is still to fill."""
        return self.size - self.filled

    @property
    def live(self) -> bool:
        """Whether it can still fill."""
        return self.status in {OrderStatus.PENDING, OrderStatus.OPEN}


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a client asks for."""

    pair: Pair
    side: str
    order_type: str
    size: Decimal
    limit: Decimal | None
    userref: int
    post_only: bool


@dataclass(slots=True)
class Listeners:
    """Who is told of what; the private stream in practice."""

    order_changed: Callable[[Order, str], None] = lambda order, change: None  # noqa: ARG005
    traded: Callable[[Trade], None] = lambda trade: None  # noqa: ARG005


class Exchange:
    """One account's orders against books that follow a price source."""

    def __init__(
        self,
        prices: PriceSource,
        balances: dict[str, Decimal],
        fees: Fees,
        clock: Callable[[], datetime],
    ) -> None:
        now = clock()
        self.pairs = {s: pair_of(s, prices.price_at(s, now)) for s in prices.symbols}
        self.books = {symbol: Book(pair) for symbol, pair in self.pairs.items()}
        self.balances = dict(balances)
        self.fees = fees
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.listeners = Listeners()
        self._prices = prices
        self._clock = clock
        self._numbers = itertools.count(1)
        self._trade_numbers = itertools.count(1)
        self.follow_prices()

    def find_pair(self, name: str) -> Pair:
        """Return the pair called `name`; raise `OrderRefusedError` if there is none."""
        for pair in self.pairs.values():
            if name in pair.names():
                return pair
        raise OrderRefusedError("EQuery:Unknown asset pair")

    def follow_prices(self) -> dict[str, BookChange]:
        """Move every book to the price of now and fill resting orders that it reaches."""
        now = self._clock()
        changes = {
            symbol: book.follow(self._prices.price_at(symbol, now))
            for symbol, book in self.books.items()
        }
        for order in [order for order in self.orders.values() if order.live]:
            if order.status is OrderStatus.OPEN:
                self._match(order, maker=order.order_type == "limit")
        return changes

    def add(self, wanted: NewOrder) -> Order:
        """Accept an order; raise `OrderRefusedError` with Kraken's reason if it cannot be."""
        self._check(wanted)
        number = next(self._numbers)
        order = Order(
            id=f"O{number:05d}-SIMUL-{number:06d}",
            pair=wanted.pair,
            side=wanted.side,
            order_type=wanted.order_type,
            size=wanted.size.quantize(wanted.pair.lot, rounding=ROUND_DOWN),
            limit=wanted.limit,
            userref=wanted.userref,
            post_only=wanted.post_only,
            opened_at=self._clock(),
        )
        self.orders[order.id] = order
        return order

    def work(self, order: Order) -> None:
        """Open an accepted order, tell of it, and match it at once."""
        self.listeners.order_changed(order, "new")
        if not order.live:
            return
        order.status = OrderStatus.OPEN
        self.listeners.order_changed(order, "open")
        if order.post_only and order.limit is not None and self._crosses(order):
            self._close(order, OrderStatus.CANCELED)
            return
        self._match(order, maker=False)

    def cancel(self, order_id: str) -> Order:
        """Cancel a live order; raise `OrderRefusedError` if there is none."""
        order = self.orders.get(order_id)
        if order is None or not order.live:
            raise OrderRefusedError("EOrder:Unknown order")
        self._close(order, OrderStatus.CANCELED)
        return order

    def open_orders(self) -> Iterable[Order]:
        """Return the orders that can still fill."""
        return [order for order in self.orders.values() if order.live]

    def available(self, asset: str) -> Decimal:
        """Return what of an asset is not tied up in resting limit orders."""
        held = sum((_held(order, asset, self.fees) for order in self.open_orders()), Decimal(0))
        return self.balances.get(asset, Decimal(0)) - held

    def _crosses(self, order: Order) -> bool:
        book = self.books[order.pair.symbol]
        return order.limit is not None and book.crosses(buy=order.buy, limit=order.limit)

    def _check(self, wanted: NewOrder) -> None:
        pair, book = wanted.pair, self.books[wanted.pair.symbol]
        if wanted.size < pair.minimum_size:
            raise OrderRefusedError("EGeneral:Invalid arguments:volume minimum not met")
        if wanted.limit is not None and wanted.limit % pair.tick != 0:
            raise OrderRefusedError("EOrder:Invalid price")
        bid, ask = book.best()
        price = wanted.limit or (ask if wanted.side == "buy" else bid)
        if wanted.size * price < COST_MINIMUM:
            raise OrderRefusedError("EOrder:Cost minimum not met")
        if wanted.side == "buy":
            needed, asset = wanted.size * price * (1 + self.fees.taker), pair.quote_asset
        else:
            needed, asset = wanted.size, pair.base_asset
        if needed > self.available(asset):
            raise OrderRefusedError("EOrder:Insufficient funds")

    def _match(self, order: Order, *, maker: bool) -> None:
        book = self.books[order.pair.symbol]
        for take in book.take(buy=order.buy, size=order.remaining, limit=order.limit):
            # A resting order trades at its own price, not at the better one that reached it.
            price = order.limit if maker and order.limit is not None else take.price
            self._fill(order, Take(price, take.size), maker=maker)
        if order.remaining == 0 and order.live:
            self._close(order, OrderStatus.CLOSED)

    def _fill(self, order: Order, take: Take, *, maker: bool) -> None:
        cost = take.price * take.size
        fee = (cost * (self.fees.maker if maker else self.fees.taker)).quantize(_CENTS)
        number = next(self._trade_numbers)
        order.filled += take.size
        order.cost += cost
        order.fee += fee
        self._book_fill(order, take.size, cost, fee)
        trade = Trade(
            id=f"T{number:05d}-SIMUL-{number:06d}",
            order_id=order.id,
            pair=order.pair,
            side=order.side,
            order_type=order.order_type,
            price=take.price,
            size=take.size,
            cost=cost,
            fee=fee,
            maker=maker,
            at=self._clock(),
            userref=order.userref,
        )
        self.trades.append(trade)
        self.listeners.traded(trade)
        if order.remaining > 0:
            self.listeners.order_changed(order, "fill")

    def _book_fill(self, order: Order, size: Decimal, cost: Decimal, fee: Decimal) -> None:
        sign = 1 if order.buy else -1
        pair, held = order.pair, self.balances
        held[pair.base_asset] = held.get(pair.base_asset, Decimal(0)) + sign * size
        held[pair.quote_asset] = held.get(pair.quote_asset, Decimal(0)) - sign * cost - fee

    def _close(self, order: Order, status: OrderStatus) -> None:
        order.status = status
        order.closed_at = self._clock()
        self.listeners.order_changed(order, "closed")


def _held(order: Order, asset: str, fees: Fees) -> Decimal:
    if order.limit is None:
        return Decimal(0)
    if order.buy and asset == order.pair.quote_asset:
        return order.remaining * order.limit * (1 + fees.taker)
    if not order.buy and asset == order.pair.base_asset:
        return order.remaining
    return Decimal(0)
