"""CarefulKraken in this process against the stand-in of Kraken, over sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hummingbot.core.api_throttler.data_types import RateLimit
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    SellOrderCompletedEvent,
)

from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from hummingbot_scripts.ml_signals.kraken.placing import Patience
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from tests.connectors import Running, driven, eventually, sent_to

PAIR = "BTC-USD"
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


@dataclass(kw_only=True)
class Trading(Running):
    """A running connector with the exchange that it trades on and the prices there."""

    kraken: KrakenStandIn
    prices: MovingPrices

    def buy(self, amount: str = "0.01") -> str:
        return str(self.connector.buy(PAIR, Decimal(amount), OrderType.MARKET))

    def sell(self, amount: str = "0.01") -> str:
        return str(self.connector.sell(PAIR, Decimal(amount), OrderType.MARKET))


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
    async with sent_to(kraken, monkeypatch):
        connector = kind(
            TEST_KEY, TEST_SECRET, trading_pairs=[PAIR, "ETH-USD"], kraken_api_tier=tier
        )
        connector.placer.patience = QUICK

        def is_ready() -> bool:
            return connector.ready and connector.trusted_price(PAIR) is not None

        run = Trading(connector, kraken=kraken, prices=prices)
        async with driven(run, is_ready, tick_s=0.1):
            yield run


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
