"""The paper connector in this process, on the stand-in's real public sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.connector.exchange.kraken import kraken_constants
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)
from hummingbot.core.web_assistant.connections.connections_factory import ConnectionsFactory

from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from hummingbot_scripts.ml_signals.paper.connector import PaperKraken
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from signal_server.core.clock import utc_now

PATIENCE_S = 30
SYMBOL = "BTC-USD"
TAKER, MAKER = Decimal("0.0026"), Decimal("0.0016")
EVENTS = (
    MarketEvent.OrderFilled,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFailure,
)


class Prices:
    """Prices that stay where the test puts them."""

    symbols = (SYMBOL,)

    def __init__(self) -> None:
        self.price = 60_000.0

    def price_at(self, _symbol: str, _when: datetime) -> float:
        return self.price


@dataclass(frozen=True, slots=True)
class Trading:
    """A connector that is ready, and what it has said."""

    connector: Any
    events: EventLogger

    async def heard(self, kind: type, count: int = 1) -> list[Any]:
        def so_far() -> list[Any]:
            return [event for event in self.events.event_log if isinstance(event, kind)]

        await eventually(lambda: len(so_far()) >= count)
        return so_far()


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is awaited happens inside Hummingbot)
            await asyncio.sleep(0.02)


@pytest.fixture
def prices() -> Prices:
    return Prices()


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch, prices: Prices) -> AsyncIterator[KrakenStandIn]:
    kraken = KrakenStandIn(prices, KrakenSettings(taker_fee=TAKER, maker_fee=MAKER), utc_now)
    addresses = await kraken.start()
    monkeypatch.setattr(kraken_constants, "BASE_URL", addresses.rest_url)
    monkeypatch.setattr(kraken_constants, "WS_URL", addresses.ws_url)
    monkeypatch.setattr(kraken_constants, "WS_AUTH_URL", addresses.ws_url)
    schema = AllConnectorSettings.get_connector_settings()["kraken"].trade_fee_schema
    monkeypatch.setattr(schema, "taker_percent_fee_decimal", TAKER)
    monkeypatch.setattr(schema, "maker_percent_fee_decimal", MAKER)
    yield kraken
    await kraken.stop()


@asynccontextmanager
async def running(connector: Any) -> AsyncIterator[Trading]:
    """Let Hummingbot's own clock drive the connector until the test is over."""
    events = EventLogger()
    for event in EVENTS:
        connector.add_listener(event, events)
    clock = Clock(ClockMode.REALTIME, 0.2)
    clock.add_iterator(connector)
    with clock:
        ticking = asyncio.create_task(clock.run())
        try:
            await eventually(lambda: connector.ready)
            await eventually(lambda: connector.trusted_price(SYMBOL) is not None)
            yield Trading(connector, events)
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking
            await connector.stop_network()
            await ConnectionsFactory().close()


def paper(folder: Path) -> PaperKraken:
    connector = PaperKraken([SYMBOL], folder / "paper.sqlite")
    connector.set_balance("USD", 10_000.0)
    return connector


def live() -> CarefulKraken:
    return CarefulKraken(TEST_KEY, TEST_SECRET, trading_pairs=[SYMBOL], kraken_api_tier="pro")


async def test_a_round_trip_on_paper(stand_in: KrakenStandIn, tmp_path: Path) -> None:
    async with running(paper(tmp_path)) as trading:
        connector = trading.connector
        assert connector.get_available_balance("USD") == Decimal(10_000)
        connector.buy(SYMBOL, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(BuyOrderCompletedEvent)
        connector.sell(SYMBOL, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(SellOrderCompletedEvent)
        fills = await trading.heard(OrderFilledEvent, 2)
        assert [fill.price for fill in fills] == [Decimal("60003"), Decimal("59997")]
        assert not stand_in.exchange.orders
        await connector._update_balances()
        paid = sum(fill.trade_fee.flat_fees[0].amount for fill in fills)
        assert connector.get_balance("USD") == Decimal(10_000) - Decimal("0.012") - paid
