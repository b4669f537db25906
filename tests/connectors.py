"""Hummingbot's connectors in this process, driven by its clock, on the stand-in's sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.connector.exchange.kraken import kraken_constants
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import MarketEvent, OrderFilledEvent
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory

from market_sim.kraken_server import KrakenStandIn

PATIENCE_S = 30
EVENTS = (
    MarketEvent.OrderFilled,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what happens inside Hummingbot."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (nothing tells when it has happened)
            await asyncio.sleep(0.02)


@dataclass
class Running:
    """A connector that is ready, and what it has said."""

    connector: Any
    events: EventLogger = field(default_factory=EventLogger)

    def said(self, kind: type) -> list[Any]:
        return [event for event in self.events.event_log if isinstance(event, kind)]

    async def heard(self, kind: type, count: int = 1) -> list[Any]:
        await eventually(lambda: len(self.said(kind)) >= count)
        return self.said(kind)

    async def opened(self, order_id: str) -> None:
        def is_open() -> bool:
            order = self.connector.in_flight_orders.get(order_id)
            return order is not None and order.current_state is OrderState.OPEN

        await eventually(is_open)

    def told_amount(self) -> Decimal:
        return sum((event.amount for event in self.said(OrderFilledEvent)), Decimal(0))


@asynccontextmanager
async def sent_to(kraken: KrakenStandIn, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Start a stand-in and make Hummingbot take it for Kraken."""
    addresses = await kraken.start()
    monkeypatch.setattr(kraken_constants, "BASE_URL", addresses.rest_url)
    monkeypatch.setattr(kraken_constants, "WS_URL", addresses.ws_url)
    monkeypatch.setattr(kraken_constants, "WS_AUTH_URL", addresses.ws_url)
    try:
        yield
    finally:
        await kraken.stop()


@asynccontextmanager
async def driven(
    run: Running, is_ready: Callable[[], bool], tick_s: float = 0.2
) -> AsyncIterator[None]:
    """Let Hummingbot's own clock drive a connector until the test is over."""
    for event in EVENTS:
        run.connector.add_listener(event, run.events)
    clock = Clock(ClockMode.REALTIME, tick_s)
    clock.add_iterator(run.connector)
    with clock:
        ticking = asyncio.create_task(clock.run())
        try:
            await eventually(is_ready)
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            await run.connector.stop_network()
            # Hummingbot keeps one HTTP session for all connectors, bound to this test's loop.
            await ConnectionsFactory().close()
