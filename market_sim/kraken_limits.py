"""Kraken's own counters: how many calls and order changes a client may make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from market_sim.kraken_orders import Order, OrderRefusedError

_FREE = frozenset({"AddOrder", "CancelOrder", "CancelAll"})
_DOUBLE = frozenset({"TradesHistory", "Ledgers", "QueryLedgers"})
_CANCEL_PENALTIES = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))
"""What cancelling an order costs that has lived shorter than so many seconds."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """A counter's limit, and by how much it falls each second."""

    limit: float
    decay: float


class Tier(Enum):
    """A client's verification: its calls, its order changes a pair, its open orders a pair."""

    STARTER = (Allowance(15, 0.33), Allowance(60, 1.0), 60)
    INTERMEDIATE = (Allowance(20, 0.5), Allowance(125, 2.34), 80)
    PRO = (Allowance(20, 1.0), Allowance(180, 3.75), 225)

    @property
    def calls(self) -> Allowance:
        """Of private calls, orders apart."""
        return self.value[0]

    @property
    def orders(self) -> Allowance:
        """Of order changes, by pair."""
        return self.value[1]

    @property
    def open_orders(self) -> int:
        """How many orders may be open in a pair."""
        return self.value[2]


class Limits:
    """The counters of one client; without a `tier` nothing is ever too much."""

    def __init__(self, tier: Tier | None, clock: Callable[[], datetime]) -> None:
        self.tier = tier
        self._clock = clock
        self._counters: dict[str, tuple[float, datetime]] = {}

    def call(self, method: str) -> None:
        """Count a private call; raise `OrderRefusedError` with Kraken's text if it is too much."""
        if self.tier is None or method in _FREE:
            return
        if self._count("", 2 if method in _DOUBLE else 1, self.tier.calls):
            raise OrderRefusedError("EAPI:Rate limit exceeded")

    def add(self, symbol: str, orders: Mapping[str, Order]) -> None:
        """Count a new order; raise `OrderRefusedError` if it is too much."""
        if self.tier is None:
            return
        if self._count(symbol, 1, self.tier.orders):
            raise OrderRefusedError("EOrder:Rate limit exceeded")
        live = sum(order.live and order.pair.symbol == symbol for order in orders.values())
        if live >= self.tier.open_orders:
            raise OrderRefusedError("EOrder:Orders limit exceeded")

    def cancel(self, order: Order) -> None:
        """Count a cancellation, dearer for a young order; raise if it is too much."""
        if self.tier is None:
            return
        age_s = (self._clock() - order.opened_at).total_seconds()
        cost = next((cost for below_s, cost in _CANCEL_PENALTIES if age_s < below_s), 0)
        if self._count(order.pair.symbol, cost, self.tier.orders):
            raise OrderRefusedError("EOrder:Rate limit exceeded")

    def _count(self, name: str, cost: float, allowance: Allowance) -> bool:
        """Add to a counter; tell whether it is over its limit."""
        now = self._clock()
        value, then = self._counters.get(name, (0.0, now))
        value = max(0.0, value - (now - then).total_seconds() * allowance.decay) + cost
        self._counters[name] = (value, now)
        return value > allowance.limit
