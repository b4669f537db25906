"""Finds an order whose id was lost because handing it over raised an error."""

from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.common import TradeType

from .legs import Role
from .orders import NEVER_TRACKED_S, LegOrder


class Strays:
    """Looks among Hummingbot's orders of one pair for those that nobody knows.

    An order may have been handed over although an error came back. While one is expected,
    nothing else is sent; after a while there was none.
    """

    def __init__(self, connector: Any, symbol: str) -> None:
        """Expect none."""
        self._connector = connector
        self._symbol = symbol
        self._expected: tuple[Role, Decimal, float] | None = None

    @property
    def expected(self) -> bool:
        """Whether an order may be on its way that nobody knows."""
        return self._expected is not None

    def expect(self, role: Role, amount: Decimal, now: float) -> None:
        """Look for an order from now on."""
        self._expected = (role, amount, now)

    def find(self, known: set[str], now: float) -> LegOrder | None:
        """Return the expected order once it has shown up; without one, a refusal in its place."""
        if self._expected is None:
            return None
        role, amount, since = self._expected
        order_id = self._newest(known, role, since)
        if order_id is None and now - since < NEVER_TRACKED_S:
            return None
        self._expected = None
        return LegOrder(role, order_id or f"never sent at {since:.3f}", amount, since)

    def _newest(self, known: set[str], role: Role, since: float) -> str | None:
        side = TradeType.BUY if role is Role.ENTRY else TradeType.SELL
        found = [
            str(order.client_order_id)
            for order in self._connector._order_tracker.all_orders.values()
            if order.trading_pair == self._symbol
            and order.trade_type is side
            and order.client_order_id not in known
            and order.creation_timestamp >= since - 1
        ]
        return found[-1] if found else None
