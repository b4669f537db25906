"""The paper connector in this process, on the stand-in's real public sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import hummingbot.core.connector_manager as connector_manager
import pytest
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    PositionExecutorConfig,
    TripleBarrierConfig,
)
from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals.clock import from_epoch
from hummingbot_scripts.ml_signals.kraken.connector import CarefulKraken
from hummingbot_scripts.ml_signals.paper import connector as paper_connector
from hummingbot_scripts.ml_signals.paper.connector import PaperKraken
from hummingbot_scripts.ml_signals.paper.desk import Latency
from market_sim.kraken_book import BookShape
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from signal_server.core.clock import utc_now
from tests.connectors import Running, driven, eventually, sent_to

START_USD = 100_000
SYMBOL = "BTC-USD"
CONNECTOR = "kraken_paper_trade"
TAKER, MAKER = Decimal("0.0026"), Decimal("0.0016")


class Prices:
    """Prices that stay where the test puts them."""

    symbols = (SYMBOL,)

    def __init__(self) -> None:
        self.price = 60_000.0

    def price_at(self, _symbol: str, _when: datetime) -> float:
        return self.price


@dataclass
class Strategy:
    """As much of a strategy as the executor looks at."""

    exchange: PaperKraken

    @property
    def connectors(self) -> dict[str, PaperKraken]:
        return {CONNECTOR: self.exchange}

    @property
    def current_timestamp(self) -> float:
        return float(self.exchange.current_timestamp)

    def buy(self, _connector: str, pair: str, amount: Decimal, *rest: Any) -> str:
        return str(self.exchange.buy(pair, amount, *rest[:2]))

    def sell(self, _connector: str, pair: str, amount: Decimal, *rest: Any) -> str:
        return str(self.exchange.sell(pair, amount, *rest[:2]))


class Executor(PositionExecutor):
    async def _sleep(self, _delay: float) -> None:
        await asyncio.sleep(0.01)


def config(connector: PaperKraken) -> PositionExecutorConfig:
    return PositionExecutorConfig(
        timestamp=connector.current_timestamp,
        connector_name=CONNECTOR,
        trading_pair=SYMBOL,
        side=TradeType.BUY,
        amount=Decimal("0.2"),
        triple_barrier_config=TripleBarrierConfig(
            stop_loss=Decimal("0.02"), time_limit=1000, open_order_type=OrderType.MARKET
        ),
    )


@pytest.fixture
def prices() -> Prices:
    return Prices()


@pytest.fixture
async def stand_in(monkeypatch: pytest.MonkeyPatch, prices: Prices) -> AsyncIterator[KrakenStandIn]:
    settings = KrakenSettings(
        taker_fee=TAKER,
        maker_fee=MAKER,
        balances={"ZUSD": Decimal(START_USD)},
        book=BookShape(churn_s=1e12),  # both bots find the very same books
    )
    kraken = KrakenStandIn(prices, settings, utc_now)
    schema = AllConnectorSettings.get_connector_settings()["kraken"].trade_fee_schema
    monkeypatch.setattr(schema, "taker_percent_fee_decimal", TAKER)
    monkeypatch.setattr(schema, "maker_percent_fee_decimal", MAKER)
    async with sent_to(kraken, monkeypatch):
        yield kraken


@asynccontextmanager
async def running(connector: CarefulKraken) -> AsyncIterator[Running]:
    """Run a connector once it is ready and has a price."""

    def is_ready() -> bool:
        return connector.ready and connector.trusted_price(SYMBOL) is not None

    run = Running(connector)
    async with driven(run, is_ready):
        yield run


def paper(folder: Path) -> PaperKraken:
    connector = PaperKraken([SYMBOL], folder / "paper.sqlite")
    connector.set_balance("USD", float(START_USD))
    return connector


def live() -> CarefulKraken:
    return CarefulKraken(TEST_KEY, TEST_SECRET, trading_pairs=[SYMBOL], kraken_api_tier="pro")


async def test_a_round_trip_on_paper(stand_in: KrakenStandIn, tmp_path: Path) -> None:
    async with running(paper(tmp_path)) as trading:
        connector = trading.connector
        assert connector.get_available_balance("USD") == START_USD
        connector.buy(SYMBOL, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(BuyOrderCompletedEvent)
        connector.sell(SYMBOL, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(SellOrderCompletedEvent)
        fills = await trading.heard(OrderFilledEvent, 2)
        assert [fill.price for fill in fills] == [Decimal("60003"), Decimal("59997")]
        assert not stand_in.exchange.orders
        await connector._update_balances()
        paid = sum(fill.trade_fee.flat_fees[0].amount for fill in fills)
        assert connector.get_balance("USD") == START_USD - Decimal("0.012") - paid


async def scenario(trading: Running, prices: Prices) -> None:
    """Trade in every way that the bot may, one order after another."""
    connector = trading.connector
    connector.buy(SYMBOL, Decimal("0.4"), OrderType.MARKET)  # more than two levels hold
    await trading.heard(BuyOrderCompletedEvent)
    connector.sell(SYMBOL, Decimal("0.1"), OrderType.MARKET)
    await trading.heard(SellOrderCompletedEvent)

    connector.buy(SYMBOL, Decimal("0.01"), OrderType.LIMIT_MAKER, Decimal(60_100))
    await trading.heard(OrderCancelledEvent)
    connector.buy(SYMBOL, Decimal("0.00001"), OrderType.MARKET)
    await trading.heard(MarketOrderFailureEvent)
    connector.sell(SYMBOL, Decimal("0.4"), OrderType.MARKET)
    await trading.heard(MarketOrderFailureEvent, 2)

    resting = connector.buy(SYMBOL, Decimal("0.002"), OrderType.LIMIT, Decimal(50_000))
    await trading.opened(resting)
    connector.cancel(SYMBOL, resting)
    await trading.heard(OrderCancelledEvent, 2)

    waiting = connector.buy(SYMBOL, Decimal("0.2"), OrderType.LIMIT, Decimal(59_900))
    await trading.opened(waiting)
    await asyncio.sleep(0.5)  # the engine takes an order up only after its answer has left
    prices.price = 59_500.0
    await trading.heard(BuyOrderCompletedEvent, 2)

    await connector.place_stop(
        SYMBOL, Decimal("0.5"), Decimal(58_000), userref=connector.new_order_id()
    )
    prices.price = 57_000.0
    await trading.heard(SellOrderCompletedEvent, 2)
    await connector._update_balances()


def told(trading: Running) -> dict[str, Any]:
    """Return what a connector has said of its trades, and the balances that it shows."""
    fills = [event for event in trading.events.event_log if isinstance(event, OrderFilledEvent)]
    names = [type(e).__name__ for e in trading.events.event_log]
    return {
        "fills": [
            (f.trade_type.name, f.price, f.amount, f.trade_fee.flat_fees[0].amount) for f in fills
        ],
        "events": sorted(names),
        "balances": {k: v for k, v in trading.connector.get_all_balances().items() if v},
        "available": trading.connector.get_available_balance("USD"),
    }


async def test_the_same_orders_give_the_same_trades_on_paper_and_live(
    stand_in: KrakenStandIn, prices: Prices, tmp_path: Path
) -> None:
    async with running(live()) as trading:
        await scenario(trading, prices)
        on_live = told(trading)
    assert on_live["balances"] == {"USD": stand_in.exchange.balances["ZUSD"]}
    prices.price = 60_000.0
    stand_in.refresh()
    orders = len(stand_in.exchange.orders)
    async with running(paper(tmp_path)) as trading:
        await scenario(trading, prices)
        on_paper = told(trading)
    assert on_paper == on_live
    assert len(stand_in.exchange.orders) == orders


class HastyStream(PaperKraken):
    """Its fills are told long before its orders are acknowledged."""

    LATENCY = Latency(order_s=0, answer_s=0.4, stream_s=0)


async def test_fills_that_come_before_the_acknowledgement_count_once(
    stand_in: KrakenStandIn, tmp_path: Path
) -> None:
    connector = HastyStream([SYMBOL], tmp_path / "paper.sqlite")
    connector.set_balance("USD", START_USD)
    async with running(connector) as trading:
        connector.buy(SYMBOL, Decimal("0.4"), OrderType.MARKET)
        await trading.heard(BuyOrderCompletedEvent)
        fills = await trading.heard(OrderFilledEvent)
        assert sum(fill.amount for fill in fills) == Decimal("0.4")
        assert not connector.in_flight_orders
    assert not stand_in.exchange.orders


async def test_a_computer_whose_clock_is_wrong_still_trades(
    stand_in: KrakenStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connector = paper(tmp_path)
    monkeypatch.setattr(connector.server_clock, "measured", lambda *_times: None)
    connector.server_clock.offset = timedelta(seconds=-60)
    async with running(connector) as trading:
        connector.buy(SYMBOL, Decimal("0.002"), OrderType.MARKET)
        await trading.heard(BuyOrderCompletedEvent)
    assert not stand_in.exchange.orders


async def test_a_killed_bots_orders_trade_on_when_it_is_back(
    stand_in: KrakenStandIn, prices: Prices, tmp_path: Path
) -> None:
    async with running(paper(tmp_path)) as trading:
        order_id = trading.connector.buy(SYMBOL, Decimal("0.002"), OrderType.LIMIT, Decimal(59_000))
        await trading.opened(order_id)
        began = trading.connector.in_flight_orders[order_id].creation_timestamp
    del stand_in
    connector = paper(tmp_path)
    connector.set_balance("USD", 1.0)  # the settings have changed meanwhile; the account has not
    async with running(connector) as trading:
        inquiry = await connector.inquiry()
        await inquiry.look()
        snapshot = inquiry.account
        [found] = snapshot.orders
        assert (str(found.userref), found.live) == (order_id, True)
        assert snapshot.balances["USD"] == Decimal(START_USD)
        prices.price = 58_000.0
        await eventually(lambda: not connector.paper.live_orders)
        await inquiry.look()
        await inquiry.history(from_epoch(began - 1))
        snapshot = inquiry.account
        assert [trade.price for trade in snapshot.trades] == [Decimal(59_000)]
        assert snapshot.balances["BTC"] == Decimal("0.002")


async def test_hummingbots_executor_enters_and_stops_out_on_paper(
    stand_in: KrakenStandIn, prices: Prices, tmp_path: Path
) -> None:
    connector = paper(tmp_path)
    async with running(connector) as trading:
        executor = Executor(Strategy(connector), config(connector), update_interval=0.02)
        executor.start()
        await trading.heard(BuyOrderCompletedEvent)
        await eventually(lambda: executor.open_filled_amount == Decimal("0.2"))
        prices.price = 58_000.0
        await eventually(lambda: executor.is_closed)
        assert executor.close_type is CloseType.STOP_LOSS
        await connector._update_balances()
        gained = connector.get_balance("USD") - START_USD
        assert executor.net_pnl_quote == pytest.approx(gained)
        assert connector.get_balance("BTC") == 0
    assert not stand_in.exchange.orders


def test_hummingbot_builds_this_connector_once_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    others: list[str] = []
    monkeypatch.setattr(
        connector_manager, "create_paper_trade_market", lambda name, _pairs: others.append(name)
    )
    monkeypatch.setattr(paper_connector, "data_path", lambda: str(tmp_path))
    paper_connector.install()
    connector_manager.create_paper_trade_market("binance", [SYMBOL])
    assert others == ["binance"]
