"""The way into a position: the size, the guards of account and market, then the executor."""

from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal

from .client import ReceivedSignal
from .config import MLSignalStrategyConfig
from .entries import entry_on, plan_of
from .money import Money
from .parts import Parts
from .rules import entry_size
from .rules.guards import Guard, Link, refuse_depth, refuse_link, refuse_prices
from .sizing import Obstacle, Quote, size_entry
from .trades import ZERO

MINUTE = timedelta(minutes=1)


class Entrance:
    """Opens the position that a signal asks for, unless something stands in the way."""

    def __init__(self, config: MLSignalStrategyConfig, parts: Parts, money: Money) -> None:
        """Prepare to open positions; those of an earlier run count for no limit a minute."""
        self._config = config
        self._parts = parts
        self._money = money
        self._rules, self._guards = config.rules, config.guards
        self._entered: deque[datetime] = deque()

    def enter(self, received: ReceivedSignal) -> Obstacle | Guard | None:
        """Journal a position and start its executor; return what is in the way, None if nothing."""
        quote = self._parts.exchange.quote(received.view.symbol)
        if isinstance(quote, Obstacle):
            return quote
        size = entry_size(received.view, self._money.capital or ZERO, self._rules)
        amount = size_entry(size, self._money.less_pending(quote))
        if isinstance(amount, Obstacle):
            return amount
        if guard := self._refuse(received, quote, amount):
            return guard
        self._open(received, quote, amount)
        return None

    def _open(self, received: ReceivedSignal, quote: Quote, amount: Decimal) -> None:
        now, margin = self._parts.clock(), self._config.protective_margin
        protective = margin if self._config.protective_stop else None
        plan = plan_of(self._rules, amount, quote.mid, now, protective_margin=protective)
        entry = entry_on(self._parts.exchange.name, received, plan, now)
        self._parts.book.opened(entry.position)
        self._parts.desk.open(entry.position.symbol, entry.executor)
        self._entered.append(now)
        self._money.moved()

    def _refuse(self, received: ReceivedSignal, quote: Quote, amount: Decimal) -> Guard | None:
        guards, links, now = self._guards, self._parts.links, self._parts.clock()
        while self._entered and now - self._entered[0] > MINUTE:
            self._entered.popleft()
        silent_s = links.silent_s(now)
        silent = silent_s is None or silent_s > self._config.silence_timeout_s
        average = self._parts.exchange.average_price(received.view.symbol, amount)
        return (
            refuse_link(Link(links.clock_skew_s, silent), len(self._entered), guards)
            or refuse_prices(quote.bid, quote.ask, received.reference_price, guards)
            or refuse_depth(quote.mid, average, guards)
        )
