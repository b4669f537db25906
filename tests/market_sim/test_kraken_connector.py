"""The real Hummingbot's Kraken connector, live and on paper, against the stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.connector.exchange.kraken.kraken_exchange import KrakenExchange
from hummingbot.connector.exchange.paper_trade import create_paper_trade_market
from hummingbot.core.data_type.common import OrderType, PriceType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)

from market_sim.faults import FaultName
from market_sim.kraken_orders import OrderStatus
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from tests.connectors import Running, driven, eventually, sent_to
from tests.market_sim.markets import SteadyPrices, utc_now

# Hummingbot reads only half of an update that carries both sides.
SETTINGS = KrakenSettings(two_sided=0)
PAIR = "BTC-USD"


@pytest.fixture
def prices() -> SteadyPrices:
    return SteadyPrices()


@pytest.fixture
async def stand_in(
    monkeypatch: pytest.MonkeyPatch, prices: SteadyPrices
) -> AsyncIterator[KrakenStandIn]:
    kraken = KrakenStandIn(prices, SETTINGS, utc_now)
    async with sent_to(kraken, monkeypatch):
        yield kraken


@asynccontextmanager
async def running(connector: Any) -> AsyncIterator[Running]:
    """Run a connector once it is ready."""
    run = Running(connector)
    async with driven(run, lambda: connector.ready):
        yield run


def live(pairs: list[str]) -> KrakenExchange:
    return KrakenExchange(TEST_KEY, TEST_SECRET, trading_pairs=pairs, kraken_api_tier="pro")


async def test_the_live_connector_trades_and_both_ledgers_agree(stand_in: KrakenStandIn) -> None:
    async with running(live([PAIR, "ETH-USD"])) as trading:
        connector, exchange = trading.connector, stand_in.exchange
        assert connector.get_balance("USD") == Decimal(10_000)
        rule = connector.trading_rules[PAIR]
        assert rule.min_price_increment == Decimal("0.1")
        assert rule.min_order_size == exchange.pairs[PAIR].minimum_size
        best = connector.get_price(PAIR, True)
        assert best == min(exchange.books[PAIR].asks)

        connector.buy(PAIR, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(BuyOrderCompletedEvent)
        bought = (await trading.heard(OrderFilledEvent))[0]
        assert (bought.price, bought.amount) == (best, Decimal("0.002"))
        assert exchange.balances["XXBT"] == Decimal("0.002")

        connector.sell(PAIR, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(SellOrderCompletedEvent)
        sold = (await trading.heard(OrderFilledEvent, 2))[1]
        gained = (sold.price - bought.price) * Decimal("0.002")
        fees = sum(trade.fee for trade in exchange.trades)
        assert exchange.balances == {"ZUSD": 10_000 + gained - fees, "XXBT": 0}
        told = [fill.trade_fee.flat_fees[0].amount for fill in (bought, sold)]
        assert told == [trade.fee for trade in exchange.trades]

        await connector._update_balances()
        assert connector.get_balance("USD") == exchange.balances["ZUSD"]


async def test_a_limit_order_rests_and_is_cancelled_or_filled_as_maker(
    stand_in: KrakenStandIn, prices: SteadyPrices
) -> None:
    async with running(live([PAIR])) as trading:
        connector, exchange = trading.connector, stand_in.exchange
        low = connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, Decimal(50_000))
        await eventually(lambda: low in {o.client_order_id for o in connector.limit_orders})
        await eventually(lambda: bool(exchange.open_orders()))
        await eventually(lambda: connector.in_flight_orders[low].is_open)
        connector.cancel(PAIR, low)
        await trading.heard(OrderCancelledEvent)
        assert exchange.available("ZUSD") == 10_000

        connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT_MAKER, Decimal("59900"))
        await eventually(lambda: bool(exchange.open_orders()))
        prices.move(PAIR, -0.01)
        fill = (await trading.heard(OrderFilledEvent))[0]
        assert fill.price == Decimal("59900")
        assert exchange.trades[0].maker
        assert exchange.trades[0].fee == Decimal("59.9") * exchange.fees.maker
        assert [order.status for order in exchange.orders.values()] == [
            OrderStatus.CANCELED,
            OrderStatus.CLOSED,
        ]


async def test_a_lost_fill_leaves_the_connector_in_the_dark_but_not_the_ledger(
    stand_in: KrakenStandIn,
) -> None:
    async with running(live([PAIR])) as trading:
        stand_in.faults.on(FaultName.KRAKEN_LOST_FILL, remaining=1)
        trading.connector.buy(PAIR, Decimal("0.001"), OrderType.MARKET)
        await eventually(lambda: bool(stand_in.exchange.trades))
        trading.connector.sell(PAIR, Decimal("0.001"), OrderType.MARKET)
        fills = await trading.heard(OrderFilledEvent)
        assert [fill.trade_type.name for fill in fills] == ["SELL"]
        assert len(stand_in.exchange.trades) == 2


async def test_the_paper_connector_follows_the_book(
    stand_in: KrakenStandIn, prices: SteadyPrices
) -> None:
    connector = create_paper_trade_market("kraken", [PAIR, "ETH-USD"])
    connector.set_balance("USD", 10_000)
    async with running(connector):
        book = stand_in.exchange.books[PAIR]

        def agrees() -> bool:
            sides = ((True, min(book.asks)), (False, max(book.bids)))
            return all(connector.get_price(PAIR, buy) == best for buy, best in sides)

        await eventually(agrees)
        for share in (0.01, -0.02, 0.03):
            prices.move(PAIR, share)
            await eventually(agrees)

        def traded() -> bool:
            last: Decimal = connector.get_price_by_type(PAIR, PriceType.LastTrade)
            return last.is_finite() and last > 0

        await eventually(traded)
