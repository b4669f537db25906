"""CarefulKraken in this process against the stand-in of Kraken, over sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.connector.exchange.kraken import kraken_constants
from hummingbot.core.api_throttler.data_types import RateLimit
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory

from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from hummingbot_scripts.ml_signals.kraken.placing import Patience
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn

PAIR = "BTC-USD"
PATIENCE_S = 15
EVENTS = (
    MarketEvent.OrderFilled,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
)
QUICK = Patience(deadline_s=2.0, margin_s=0.3, look_s=0.5, longest_look_s=0.5, retry_s=0.05)


class QuickKraken(CarefulKraken):
    """Waits less, so that tests do."""

    POLL_S = 0.3
    NEWS_PATIENCE_S = 0.3
    TICKER_S = 0.3
    REQUEST_TIMEOUT_S = 2.0

    @property
    def rate_limits_rules(self) -> list[RateLimit]:
        limits = [copy(limit) for limit in super().rate_limits_rules]
        for limit in limits:
            limit.time_interval = 0.02
        return limits


class MovingPrices:
    """Prices that stay where the test puts them."""

    def __init__(self, **prices: float) -> None:
        self.prices = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0} | prices

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.prices)

    def price_at(self, symbol: str, _when: datetime, /) -> float:
        return self.prices[symbol]


def utc_now() -> datetime:
    return datetime.now(UTC)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is awaited happens inside Hummingbot)
            await asyncio.sleep(0.02)


@dataclass
class Trading:
    """A connector that is ready, the exchange that it trades on, and what it has said."""

    connector: CarefulKraken
    kraken: KrakenStandIn
    prices: MovingPrices
    events: EventLogger = field(default_factory=EventLogger)

    def said(self, kind: type) -> list[Any]:
        return [event for event in self.events.event_log if isinstance(event, kind)]

    async def heard(self, kind: type, count: int = 1) -> list[Any]:
        await eventually(lambda: len(self.said(kind)) >= count)
        return self.said(kind)

    def buy(self, amount: str = "0.01") -> str:
        return str(self.connector.buy(PAIR, Decimal(amount), OrderType.MARKET))

    def sell(self, amount: str = "0.01") -> str:
        return str(self.connector.sell(PAIR, Decimal(amount), OrderType.MARKET))

    def told_amount(self) -> Decimal:
        return sum((event.amount for event in self.said(OrderFilledEvent)), Decimal(0))


@asynccontextmanager
async def trading(
    monkeypatch: pytest.MonkeyPatch,
    settings: KrakenSettings | None = None,
    kind: type[CarefulKraken] = QuickKraken,
    tier: str = "pro",
) -> AsyncIterator[Trading]:
    """Run the stand-in and a connector that Hummingbot's own clock drives."""
    prices = MovingPrices()
    kraken = KrakenStandIn(prices, settings or KrakenSettings(), utc_now)
    addresses = await kraken.start()
    monkeypatch.setattr(kraken_constants, "BASE_URL", addresses.rest_url)
    monkeypatch.setattr(kraken_constants, "WS_URL", addresses.ws_url)
    monkeypatch.setattr(kraken_constants, "WS_AUTH_URL", addresses.ws_url)
    connector = kind(TEST_KEY, TEST_SECRET, trading_pairs=[PAIR, "ETH-USD"], kraken_api_tier=tier)
    connector.placer.patience = QUICK
    run = Trading(connector, kraken, prices)
    for event in EVENTS:
        connector.add_listener(event, run.events)
    clock = Clock(ClockMode.REALTIME, 0.1)
    clock.add_iterator(connector)
    with clock:
        ticking = asyncio.create_task(clock.run())
        try:
            await eventually(lambda: connector.ready and connector.trusted_price(PAIR) is not None)
            yield run
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            await connector.stop_network()
            await ConnectionsFactory().close()
            await kraken.stop()


__all__ = [
    "PAIR",
    "BuyOrderCompletedEvent",
    "MarketOrderFailureEvent",
    "OrderCancelledEvent",
    "SellOrderCompletedEvent",
    "Trading",
    "eventually",
    "trading",
    "utc_now",
]
