"""Hummingbot's order tracker, that ends no order before its fills are known."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

from hummingbot.connector.client_order_tracker import ClientOrderTracker
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, OrderUpdate

_DONE = (OrderState.FILLED, OrderState.CANCELED, OrderState.FAILED)

FetchFills = Callable[[InFlightOrder], Awaitable[bool]]
"""Makes an order's fills complete; False when that could not be done now."""


class CarefulOrderTracker(ClientOrderTracker):  # type: ignore[misc]
    """Asks the exchange for missing fills, and never goes back from done to open.

    An end that cannot be confirmed is not taken; the order is `unsettled` until polling brings it
    again.
    """

    STREAM_PATIENCE_S = 1.0
    # Orders stay known for this long after their end, so that a late fill finds its order.
    CACHED_ORDER_TTL = 600.0

    def __init__(self, connector: Any, fetch_fills: FetchFills) -> None:
        """Track the orders of `connector`."""
        super().__init__(connector=connector)
        self._fetch_fills = fetch_fills
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.unsettled: set[str] = set()

    async def process_order_not_found(self, client_order_id: str) -> None:
        """Give up no order: only Kraken's own word ends one, silence does not."""
        self.logger().info(f"Order {client_order_id} was not found; it is asked for again.")

    async def _process_order_update(self, order_update: OrderUpdate) -> None:
        order = self.fetch_order(order_update.client_order_id, order_update.exchange_order_id)
        if order is None:
            await super()._process_order_update(order_update)
            return
        async with self._locks[order.client_order_id]:
            if order.current_state in _DONE:
                return
            if not await self._ready_for(order, order_update):
                self.unsettled.add(order.client_order_id)
                return
            await super()._process_order_update(order_update)
        if order.current_state in _DONE:
            self._locks.pop(order.client_order_id, None)
            self.unsettled.discard(order.client_order_id)

    async def _ready_for(self, order: InFlightOrder, update: OrderUpdate) -> bool:
        if update.exchange_order_id is not None and order.exchange_order_id is None:
            order.update_exchange_order_id(update.exchange_order_id)
        if update.new_state is OrderState.FILLED:
            return await self._wait_for_fills(order)
        if update.new_state is OrderState.CANCELED:
            return await self._fetch_fills(order)
        return True

    async def _wait_for_fills(self, order: InFlightOrder) -> bool:
        try:
            async with asyncio.timeout(self.STREAM_PATIENCE_S):
                await order.wait_until_completely_filled()
        except TimeoutError:
            return await self._fetch_fills(order)
        return True
