"""One account at an exchange that this process plays: orders, fills, fees and balances.

Nothing is matched while the bot is down. Resting orders are there again after a restart, and
trade against the books of then.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from .footprints import Footprints
from .matching import Fees, Market, Taken, crosses, estimate, match, triggers
from .orders import (
    ZERO,
    Change,
    Kind,
    PaperOrder,
    PaperTrade,
    RefusedError,
    Status,
    Step,
    StepKind,
    Wanted,
)
from .pairs import Pair
from .store import PaperStore

FeesOf = Callable[[str], Fees]
"""The fees of a symbol, now."""

_DIGITS = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"


class PaperAccount:
    """Takes orders as Kraken does, and keeps what came of them in its store.

    `orders` by txid and `trades` by id are in order of their time; `balances` by Hummingbot's
    asset name. Amounts and prices are exact; no balance is ever below zero.
    """

    def __init__(self, store: PaperStore, fees_of: FeesOf) -> None:
        """Take up the account where the store left it."""
        saved = store.load()
        self._store = store
        self._fees_of = fees_of
        self._footprints = Footprints()
        self._opened_at = saved.opened_at
        self._balances = saved.balances
        self._live: dict[str, PaperOrder] = {o.txid: o for o in saved.orders if o.live}
        self.orders = {order.txid: order for order in saved.orders}
        self.trades = {trade.trade_id: trade for trade in saved.trades}
        self._by_order: dict[str, list[PaperTrade]] = {}
        for trade in saved.trades:
            self._by_order.setdefault(trade.txid, []).append(trade)

    @property
    def balances(self) -> dict[str, Decimal]:
        """What the account holds, tied up or not."""
        return dict(self._balances)

    @property
    def live_orders(self) -> list[PaperOrder]:
        """The orders that can still fill, oldest first."""
        return list(self._live.values())

    def trades_of(self, txid: str) -> Sequence[PaperTrade]:
        """Return the fills of an order, oldest first."""
        return self._by_order.get(txid, ())

    def seed(self, asset: str, amount: Decimal) -> None:
        """Set a starting balance; once the account was ever opened, this does nothing."""
        if self._opened_at is None:
            self._store.set_balances({asset: amount})
            self._balances[asset] = amount

    def open(self, now: datetime) -> None:
        """Settle the starting balances; later calls do nothing."""
        if self._opened_at is None:
            self._store.open_account(now)
            self._opened_at = now

    def free(self, asset: str) -> Decimal:
        """Return what of an asset no live order ties up."""
        tied = sum((o.tied_up for o in self._live.values() if _ties(o) == asset), ZERO)
        return self._balances.get(asset, ZERO) - tied

    def add(self, wanted: Wanted, pair: Pair, market: Market, now: datetime) -> Change:
        """Take an order and match it at once; raises `RefusedError` as Kraken would."""
        self.open(now)
        wanted = replace(wanted, size=pair.cut_size(wanted.size))
        reserved = self._check(wanted, pair, market)
        order = PaperOrder(self._name("O", len(self.orders)), wanted, now, reserved)
        opened = replace(order, status=Status.OPEN)
        steps = (Step(StepKind.NEW, order), Step(StepKind.OPEN, opened))
        if wanted.post_only and crosses(wanted, market):
            end = _end(opened, Status.CANCELED, now, "Post only order")
            return self._commit(Change(end.order, (*steps, end)))
        more = self._trade(opened, pair, market, now)
        return self._commit(replace(more, steps=steps + more.steps))

    def follow(self, pair: Pair, market: Market, now: datetime) -> list[Change]:
        """Match the live orders of a pair against its book, and return what that did."""
        changes = []
        for order in self.live_orders:
            if order.wanted.symbol == pair.symbol:
                change = self._trade(order, pair, market, now)
                if change.order != order:
                    changes.append(self._commit(change))
        return changes

    def cancel(self, order: PaperOrder, now: datetime) -> Change:
        """Cancel a live order."""
        step = _end(self._live[order.txid], Status.CANCELED, now, "User requested")
        return self._commit(Change(step.order, (step,)))

    def _check(self, wanted: Wanted, pair: Pair, market: Market) -> Decimal:
        """Return what the order must set aside; raises `RefusedError` if Kraken would."""
        if wanted.size < pair.minimum_size:
            raise RefusedError("EGeneral:Invalid arguments:volume minimum not met")
        _check_price(wanted, pair)
        cost = estimate(wanted, market)
        if cost is None:
            raise RefusedError("EOrder:Insufficient liquidity")
        if cost < pair.minimum_cost:
            raise RefusedError("EOrder:Cost minimum not met")
        fees = self._fees_of(wanted.symbol)
        reserved = cost * (1 + fees.highest) if wanted.buys else wanted.size
        if reserved > self.free(pair.quote if wanted.buys else pair.base):
            raise RefusedError("EOrder:Insufficient funds")
        return reserved

    def _trade(self, order: PaperOrder, pair: Pair, market: Market, now: datetime) -> Change:
        """Return what the market does to a live order; no steps when it does not trade."""
        if not order.triggered and not triggers(order.wanted, market):
            return Change(order)
        order = replace(order, triggered=order.wanted.kind is Kind.STOP_LOSS)
        taken = self._take(order, pair, market)
        balances = {asset: self._balances.get(asset, ZERO) for asset in (pair.base, pair.quote)}
        steps: list[Step] = []
        for trade in self._trades(order, taken, now):
            order = _filled(order, trade)
            steps.append(Step(StepKind.FILL, order, trade))
            _book(balances, pair, order.wanted, trade)
        if taken.dry or not order.left:
            status = Status.CANCELED if order.left else Status.CLOSED
            steps.append(_end(order, status, now, "Insufficient funds" if order.left else None))
            order = steps[-1].order
        order = replace(order, rested=True)
        return Change(order, tuple(steps), balances if taken.takes else {})

    def _take(self, order: PaperOrder, pair: Pair, market: Market) -> Taken:
        wanted = order.wanted
        levels = self._footprints.left(pair.symbol, wanted.side, market.against(wanted))
        own = order.tied_up if order.txid in self._live else ZERO
        funds = self.free(pair.quote if wanted.buys else pair.base) + own
        return match(order, pair, levels, funds, self._fees_of(pair.symbol))

    def _trades(self, order: PaperOrder, taken: Taken, now: datetime) -> list[PaperTrade]:
        maker = order.rested and order.wanted.kind is Kind.LIMIT
        trades = []
        for number, take in enumerate(taken.takes, start=len(self.trades)):
            self._footprints.note(order.wanted.symbol, order.wanted.side, take.rung, take.size)
            name = self._name("T", number)
            money = (take.price, take.size, take.cost, take.fee)
            trades.append(PaperTrade(name, order.txid, *money, maker, now))
        return trades

    def _commit(self, change: Change) -> Change:
        """Write a change, then take it over; a change that cannot be written has not happened."""
        self._store.write(change)
        order = change.order
        self.orders[order.txid] = order
        for trade in change.trades:
            self.trades[trade.trade_id] = trade
            self._by_order.setdefault(trade.txid, []).append(trade)
        self._balances.update(change.balances)
        if order.live:
            self._live[order.txid] = order
        else:
            self._live.pop(order.txid, None)
        return change

    def _name(self, letter: str, number: int) -> str:
        """Return an id that is free, and was not used in an account before this one either."""
        opened = 0 if self._opened_at is None else int(self._opened_at.timestamp())
        return f"{letter}{number + 1:05d}-PAPER-{_short(opened)}"


def _check_price(wanted: Wanted, pair: Pair) -> None:
    if wanted.price is None:
        return
    if wanted.price <= 0 or wanted.price % Decimal(1).scaleb(-pair.price_decimals):
        raise RefusedError(
            f"EOrder:Invalid price:{pair.altname} price can only be specified up to "
            f"{pair.price_decimals} decimals."
        )
    if wanted.price % pair.tick:
        raise RefusedError("EOrder:Tick size check failed")


def _ties(order: PaperOrder) -> str:
    base, quote = order.wanted.symbol.split("-")
    return quote if order.wanted.buys else base


def _filled(order: PaperOrder, trade: PaperTrade) -> PaperOrder:
    return replace(
        order,
        filled=order.filled + trade.size,
        cost=order.cost + trade.cost,
        fee=order.fee + trade.fee,
    )


def _book(balances: dict[str, Decimal], pair: Pair, wanted: Wanted, trade: PaperTrade) -> None:
    sign = 1 if wanted.buys else -1
    balances[pair.base] += sign * trade.size
    balances[pair.quote] -= sign * trade.cost + trade.fee


def _end(order: PaperOrder, status: Status, now: datetime, reason: str | None) -> Step:
    return Step(StepKind.END, replace(order, status=status, closed_at=now, reason=reason))


def _short(number: int) -> str:
    """Write a number with few letters."""
    text = ""
    while number:
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text.rjust(6, "0")
