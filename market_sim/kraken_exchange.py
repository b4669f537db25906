"""Orders, matching, fees and balances of one account, exact to the last digit."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from market_sim.faults import FaultSwitch
from market_sim.kraken_book import Book, BookShape, Take
from market_sim.kraken_fates import Fates
from market_sim.kraken_ledger import Ledger
from market_sim.kraken_orders import (
    Listeners,
    NewOrder,
    Order,
    OrderRefusedError,
    OrderStatus,
    OrderStep,
    PublicTrade,
    TimeInForce,
    Trade,
)
from market_sim.kraken_pairs import (
    COST_DECIMALS,
    COST_MINIMUM,
    LOT_DECIMALS,
    Fees,
    Pair,
    cut,
    pair_of,
)
from market_sim.kraken_tape import Tape


class PriceSource(Protocol):
    """Whatever moves the market."""

    @property
    def symbols(self) -> Sequence[str]:
        """The symbols that trade, as `BASE-QUOTE`."""
        ...

    def price_at(self, symbol: str, when: datetime, /) -> float:
        """Return the price at an instant (UTC)."""
        ...


class Exchange:
    """One account's orders against books that follow a price source.

    `orders` (by id), `trades` and `balances` (by asset) are the truth that tests hold a client
    against. The account never trades with itself.
    """

    def __init__(
        self,
        prices: PriceSource,
        balances: Mapping[str, Decimal],
        fees: Fees,
        clock: Callable[[], datetime],
        shape: BookShape | None = None,
        faults: FaultSwitch | None = None,
    ) -> None:
        now = clock()
        shape = shape or BookShape()
        self.pairs = {s: pair_of(s, prices.price_at(s, now)) for s in prices.symbols}
        self.books = {symbol: Book(pair, shape) for symbol, pair in self.pairs.items()}
        self.fees = fees
        self.clock = clock
        self.orders: dict[str, Order] = {}
        self.trades: list[Trade] = []
        self.tape = Tape(shape.seed)
        self.listeners = Listeners()
        self._ledger = Ledger(balances)
        self._prices = prices
        self._fates = Fates(faults or FaultSwitch(clock=clock))
        self._order_numbers = itertools.count(1)
        self._trade_numbers = itertools.count(1)
        self.follow_prices()

    @property
    def balances(self) -> dict[str, Decimal]:
        """What the account has, by asset."""
        return self._ledger.balances

    def open_orders(self) -> list[Order]:
        """Return the orders that can still fill, oldest first."""
        return [order for order in self.orders.values() if order.live]

    def available(self, asset: str) -> Decimal:
        """Return what of an asset no live order ties up."""
        held = sum((order.held(asset) for order in self.open_orders()), Decimal(0))
        return self.balances.get(asset, Decimal(0)) - held

    def find_pair(self, name: str) -> Pair:
        """Return the pair called `name`; raise `OrderRefusedError` if there is none."""
        for pair in self.pairs.values():
            if name in pair.names():
                return pair
        raise OrderRefusedError("EQuery:Unknown asset pair")

    def follow_prices(self) -> None:
        """Move every book to the price of now and fill the waiting orders that it reaches."""
        now = self.clock()
        for symbol, book in self.books.items():
            book.thin_asks, book.thin_bids = self._fates.thinness(symbol)
            price = self._fates.price(symbol, self._prices.price_at(symbol, now))
            book.follow(price, now.timestamp())
            for trade in self.tape.others(book, now):
                self._print(trade)
        for order in self.open_orders():
            expires = order.wanted.expires_at
            if expires is not None and expires <= now:
                self._end(order, OrderStatus.EXPIRED, "Expired")
            elif self._rejected(order) or order.status is not OrderStatus.OPEN:
                continue
            elif self._triggered(order):
                self._match(order, maker=order.wanted.limit is not None)

    def add(self, wanted: NewOrder) -> Order:
        """Accept an order without working it; raise `OrderRefusedError` if Kraken would not."""
        wanted = replace(wanted, size=cut(wanted.size, LOT_DECIMALS))
        self.check(wanted)
        number = next(self._order_numbers)
        order = Order(
            id=f"O{number:05d}-SIMUL-{number:06d}",
            wanted=wanted,
            opened_at=self.clock(),
            reserved=self._reserve(wanted),
            fate=self._fates.of(wanted, self.clock()),
        )
        self.orders[order.id] = order
        self.listeners.step(order, OrderStep.ACCEPTED)
        return order

    def work(self, order: Order) -> None:
        """Open an accepted order, tell of it, and match it at once."""
        if not order.live:
            return
        self.listeners.step(order, OrderStep.NEW)
        if self._rejected(order):
            return
        order.status = OrderStatus.OPEN
        self.listeners.step(order, OrderStep.OPEN)
        if order.wanted.post_only and self._crosses(order):
            self._end(order, OrderStatus.CANCELED, "Post only order")
        elif self._triggered(order):
            self._match(order, maker=False)

    def fill(self, order: Order) -> None:
        """Fill what is left of an order at its own price, or at the best, whatever the book has."""
        best = next(iter(self.books[order.pair.symbol].against(buy=order.buy)), None)
        price = order.wanted.limit or best
        if price is None or self._affordable(order, price, order.remaining) < order.remaining:
            return
        self._fill(order, Take(price, order.remaining), maker=order.wanted.limit is not None)
        self._end(order, OrderStatus.CLOSED, None)

    def cancel(self, order_id: str) -> None:
        """Cancel a live order; raise `OrderRefusedError` if there is none."""
        order = self.orders.get(order_id)
        if order is None or not order.live:
            raise OrderRefusedError("EOrder:Unknown order")
        self._end(order, OrderStatus.CANCELED, "User requested")

    def check(self, wanted: NewOrder) -> None:
        """Raise `OrderRefusedError` if Kraken would not accept the order now."""
        pair = wanted.pair
        if wanted.name and any(o.wanted.name == wanted.name for o in self.open_orders()):
            raise OrderRefusedError("EGeneral:Invalid arguments:cl_ord_id")
        if wanted.size < pair.minimum_size:
            raise OrderRefusedError("EGeneral:Invalid arguments:volume minimum not met")
        if wanted.price is not None and (wanted.price <= 0 or wanted.price % pair.tick):
            raise OrderRefusedError(
                f"EOrder:Invalid price:{pair.altname} price can only be specified up to "
                f"{pair.price_decimals} decimals."
            )
        if self._cost(wanted) < COST_MINIMUM:
            raise OrderRefusedError("EOrder:Cost minimum not met")
        asset = pair.quote_asset if wanted.buy else pair.base_asset
        if self._reserve(wanted) > self.available(asset):
            raise OrderRefusedError("EOrder:Insufficient funds")

    def _reserve(self, wanted: NewOrder) -> Decimal:
        return self._cost(wanted) * (1 + self.fees.taker) if wanted.buy else wanted.size

    def _cost(self, wanted: NewOrder) -> Decimal:
        """Return the order's value at its own price, or at what the book would give now."""
        if wanted.price is not None:
            return wanted.price * wanted.size
        cost, left, worst = Decimal(0), wanted.size, Decimal(0)
        for price, size in self.books[wanted.pair.symbol].against(buy=wanted.buy).items():
            part, worst = min(size, left), price
            cost, left = cost + part * price, left - part
        return cost + left * worst

    def _crosses(self, order: Order) -> bool:
        book = self.books[order.pair.symbol]
        return bool(book.within(buy=order.buy, limit=order.wanted.limit))

    def _triggered(self, order: Order) -> bool:
        """Tell whether the best or the last price has reached a stop; once is for ever."""
        trigger, symbol = order.wanted.trigger, order.pair.symbol
        if trigger is not None and not order.triggered:
            best = next(iter(self.books[symbol].against(buy=order.buy)), trigger)
            seen = (self.tape.last[symbol].price, best)
            order.triggered = max(seen) >= trigger if order.buy else min(seen) <= trigger
        return trigger is None or order.triggered

    def _rejected(self, order: Order) -> bool:
        """Cancel an order that the engine has taken but does not want, and tell whether it has."""
        at = order.fate.rejected_at
        if at is None or at > self.clock():
            return False
        self._end(order, OrderStatus.CANCELED, "Order rejected")
        return True

    def _match(self, order: Order, *, maker: bool) -> None:
        fate = order.fate
        if fate.rejected_at or (fate.fills_from and fate.fills_from > self.clock()):
            return
        book, limit = self.books[order.pair.symbol], order.wanted.limit
        for price, offered in book.within(buy=order.buy, limit=limit):
            left = self._fates.fillable(order)
            if not left:
                break
            # A waiting order trades at its own price, not at the better one that reached it.
            at = limit if maker and limit is not None else price
            size = self._affordable(order, at, min(offered, left))
            if not size:
                self._end(order, OrderStatus.CANCELED, "Insufficient funds")
                return
            book.take(buy=order.buy, price=price, size=size)
            self._fill(order, Take(at, size), maker=maker)
            if not order.remaining:
                self._end(order, OrderStatus.CLOSED, None)
                return
        if fate.canceled_at_share or order.wanted.time_in_force is TimeInForce.IOC:
            self._end(order, OrderStatus.CANCELED, "Insufficient liquidity")

    def _affordable(self, order: Order, price: Decimal, size: Decimal) -> Decimal:
        """Return the part of `size` that the account can pay: a market order may run dry."""
        asset = order.pair.quote_asset if order.buy else order.pair.base_asset
        funds = self.available(asset) + order.held(asset)
        per_unit = price * (1 + self.fees.taker) if order.buy else Decimal(1)
        return size if size * per_unit <= funds else cut(funds / per_unit, LOT_DECIMALS)

    def _fill(self, order: Order, take: Take, *, maker: bool) -> None:
        trade = self._trade(order, take, maker=maker)
        self.trades.append(trade)
        self._ledger.settle(trade)
        order.filled += trade.size
        order.cost += trade.cost
        order.fee += trade.fee
        self.listeners.traded(trade)
        self.listeners.step(order, OrderStep.FILL)
        self._print(self.tape.own(trade))

    def _trade(self, order: Order, take: Take, *, maker: bool) -> Trade:
        number = next(self._trade_numbers)
        # Cut off, never rounded up: an order that has passed its check can always be paid.
        cost = cut(take.price * take.size, COST_DECIMALS)
        share = self.fees.maker if maker else self.fees.taker
        return Trade(
            id=f"T{number:05d}-SIMUL-{number:06d}",
            order_id=order.id,
            wanted=order.wanted,
            price=take.price,
            size=take.size,
            cost=cost,
            fee=cut(cost * share, COST_DECIMALS),
            maker=maker,
            at=self.clock(),
        )

    def _end(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        order.status, order.closed_at, order.reason = status, self.clock(), reason
        self.listeners.step(order, OrderStep.CLOSED)

    def _print(self, trade: PublicTrade) -> None:
        self.tape.last[trade.pair.symbol] = trade
        self.listeners.printed(trade)
