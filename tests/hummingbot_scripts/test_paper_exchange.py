"""Hummingbot's real PositionExecutor on the paper exchange; the book and the clock are scripted."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import hummingbot.core.connector_manager as connector_manager
import pytest
from hummingbot.connector.exchange.kraken.kraken_exchange import KrakenExchange
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.composite_order_book import CompositeOrderBook
from hummingbot.core.data_type.order_book_row import OrderBookRow
from hummingbot.core.event.event_forwarder import EventForwarder
from hummingbot.core.event.events import MarketEvent, OrderFilledEvent
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    PositionExecutorConfig,
    TripleBarrierConfig,
)
from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals import paper_exchange
from hummingbot_scripts.ml_signals.exchange import Exchange, cost_minimums
from hummingbot_scripts.ml_signals.paper_exchange import ExecutorPaperExchange
from hummingbot_scripts.ml_signals.sizing import Obstacle, Quote, size_entry

SYMBOL = "BTC-USD"
CONNECTOR = "kraken_paper_trade"
RULE = TradingRule(
    SYMBOL, min_order_size=Decimal("0.0001"), min_base_amount_increment=Decimal("1e-8")
)


class PublicConnector:
    """The real exchange's public side: it knows the trading rules once it was asked."""

    def __init__(self, failures: int = 0) -> None:
        self.trading_rules: dict[str, TradingRule] = {}
        self.failures = failures

    async def _update_trading_rules(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("busy")
        self.trading_rules[SYMBOL] = RULE

    async def get_asset_pairs(self) -> dict[str, dict[str, str]]:
        return {"XXBT-ZUSD": {"wsname": "XBT/USD", "costmin": "0.5"}}


class DataSource:
    def __init__(self, connector: PublicConnector) -> None:
        self._connector = connector
        self.order_book_create_function: Any = None


class BookTracker:
    """Stands where Hummingbot's order book tracker does, with one book that the test moves."""

    ready = True

    def __init__(self, connector: PublicConnector) -> None:
        self.data_source = DataSource(connector)
        self.order_books = {SYMBOL: CompositeOrderBook()}
        self._update = 0

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def move_to(self, price: float) -> None:
        self._update += 1
        number = self._update
        bids = [OrderBookRow(price - 0.5 - level, 0.004, number) for level in range(20)]
        asks = [OrderBookRow(price + 0.5 + level, 0.004, number) for level in range(20)]
        self.order_books[SYMBOL].apply_snapshot(bids, asks, number)


@dataclass
class Strategy:
    """As much of a strategy as the executor looks at."""

    exchange: ExecutorPaperExchange
    connectors: dict[str, ExecutorPaperExchange] = field(init=False)
    current_timestamp: float = 1_000.0

    def __post_init__(self) -> None:
        self.connectors = {CONNECTOR: self.exchange}

    def buy(self, _connector: str, pair: str, amount: Decimal, *_rest: object) -> str:
        return self.exchange.buy(pair, amount, OrderType.MARKET)

    def sell(self, _connector: str, pair: str, amount: Decimal, *_rest: object) -> str:
        return self.exchange.sell(pair, amount, OrderType.MARKET)


class QuickExecutor(PositionExecutor):
    async def _sleep(self, _delay: float) -> None:
        await asyncio.sleep(0)


class Bench:
    """Exchange, strategy and executor on one scripted clock."""

    def __init__(self) -> None:
        self.public = PublicConnector()
        self.tracker = BookTracker(self.public)
        self.exchange = ExecutorPaperExchange(self.tracker, KrakenExchange, "kraken")
        self.exchange.set_balance("USD", Decimal(1000))
        self.exchange.set_balance("BTC", Decimal(0))
        self.strategy = Strategy(self.exchange)
        self.fills: list[OrderFilledEvent] = []
        self.listener = EventForwarder(self.fills.append)
        self.exchange.add_listener(MarketEvent.OrderFilled, self.listener)
        self.tracker.move_to(60_000)
        self.clock = Clock(ClockMode.BACKTEST, tick_size=1.0, start_time=1_000.0, end_time=9_999.0)
        self.clock.add_iterator(self.exchange)

    async def __aenter__(self) -> "Bench":
        await self.public._update_trading_rules()
        assert self.exchange.ready
        self.clock.__enter__()
        return self

    async def __aexit__(self, *details: object) -> None:
        self.clock.__exit__(*details)
        await self.exchange.stop_network()

    async def pass_a_second(self) -> None:
        self.strategy.current_timestamp += 1
        self.clock.backtest_til(self.strategy.current_timestamp)
        await asyncio.sleep(0.03)

    def executor(self, time_limit: int = 1000) -> QuickExecutor:
        config = PositionExecutorConfig(
            timestamp=self.strategy.current_timestamp,
            connector_name=CONNECTOR,
            trading_pair=SYMBOL,
            side=TradeType.BUY,
            amount=Decimal("0.01"),
            entry_price=Decimal(60_000),
            triple_barrier_config=TripleBarrierConfig(
                stop_loss=Decimal("0.02"),
                take_profit=Decimal("0.02"),
                time_limit=time_limit,
                open_order_type=OrderType.MARKET,
            ),
        )
        return QuickExecutor(self.strategy, config, update_interval=0.005)

    async def until_filled(self, executor: PositionExecutor) -> None:
        for _ in range(20):
            await self.pass_a_second()
            if executor.open_filled_amount:
                return
        raise AssertionError("the entry did not fill")

    async def until_closed(self, executor: PositionExecutor) -> None:
        for _ in range(50):
            await self.pass_a_second()
            if executor.is_closed:
                return
        raise AssertionError("the executor did not finish")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Bench() as opened:
        yield opened


@pytest.mark.parametrize(
    ("price", "close_type"),
    [
        (58_000.0, CloseType.STOP_LOSS),
        (62_000.0, CloseType.TAKE_PROFIT),
        (60_000.0, CloseType.TIME_LIMIT),
    ],
)
async def test_an_executor_enters_and_leaves_by_its_barrier(
    bench: Bench, price: float, close_type: CloseType
) -> None:
    executor = bench.executor(time_limit=10 if close_type is CloseType.TIME_LIMIT else 1000)
    executor.start()
    await bench.until_filled(executor)
    bench.tracker.move_to(price)
    await bench.until_closed(executor)
    assert executor.close_type is close_type
    bought = sum(fill.amount for fill in bench.fills if fill.trade_type is TradeType.BUY)
    sold = sum(fill.amount for fill in bench.fills if fill.trade_type is TradeType.SELL)
    assert float(bought) == pytest.approx(0.01)
    assert float(sold) == pytest.approx(0.01)
    assert float(bench.exchange.get_balance("BTC")) == pytest.approx(0, abs=1e-7)
    gained = bench.exchange.get_balance("USD") - 1000  # fees of both sides are in it
    assert float(executor.get_net_pnl_quote()) == pytest.approx(float(gained), abs=0.01)


async def test_an_order_across_several_book_rows_is_tracked_whole(bench: Bench) -> None:
    executor = bench.executor()
    executor.start()
    await bench.until_filled(executor)
    order = bench.exchange._order_tracker.fetch_order(executor._open_order.order_id)
    assert len(order.order_fills) == 3
    assert order.executed_amount_base == Decimal("0.01")
    assert order.is_filled
    executor.stop()


async def test_an_order_without_the_money_fails_and_is_tracked_as_failed(bench: Bench) -> None:
    bench.exchange.set_balance("USD", Decimal(1))
    await bench.pass_a_second()
    order_id = bench.strategy.buy(CONNECTOR, SYMBOL, Decimal("0.01"))
    for _ in range(5):
        await bench.pass_a_second()
    order = bench.exchange._order_tracker.fetch_order(order_id)
    assert order.is_failure


async def test_amounts_keep_the_lot_of_both_exchanges(bench: Bench) -> None:
    amount = bench.exchange.quantize_order_amount(SYMBOL, Decimal("0.123456789"))
    assert amount == Decimal("0.1234567")


async def test_without_trading_rules_the_exchange_is_not_ready() -> None:
    assert not Bench().exchange.ready


async def test_trading_rules_are_asked_for_until_they_come(
    monkeypatch: Any, wait_until: Any
) -> None:
    monkeypatch.setattr(paper_exchange, "RULES_RETRY_S", 0.01)
    exchange = (bench := Bench()).exchange
    bench.public.failures = 2
    await exchange.start_network()
    await wait_until(lambda: exchange.ready)
    assert exchange.trading_rules[SYMBOL].min_order_size == Decimal("0.0001")
    await exchange.stop_network()


async def test_the_script_sees_prices_minimums_balance_and_fee(bench: Bench) -> None:
    exchange = Exchange(bench.exchange)
    await bench.pass_a_second()
    assert exchange.quote(SYMBOL) is Obstacle.NOT_READY
    await exchange.fetch_minimums()
    quote = exchange.quote(SYMBOL)
    assert isinstance(quote, Quote)
    assert (quote.mid, quote.ask) == (Decimal(60_000), Decimal("60000.5"))
    assert (quote.min_size, quote.min_notional) == (Decimal("0.0001"), Decimal("0.5"))
    assert quote.available == Decimal(1000)
    assert quote.fee_share == Decimal("0.004")


async def test_an_empty_book_is_no_price_and_no_entry(bench: Bench) -> None:
    exchange = Exchange(bench.exchange)
    await exchange.fetch_minimums()
    await bench.pass_a_second()
    bench.tracker.order_books[SYMBOL].apply_snapshot([], [], 99)
    quote = exchange.quote(SYMBOL)
    assert isinstance(quote, Quote)
    assert size_entry(Decimal(100), quote) is Obstacle.NO_PRICE
    assert exchange.mid(SYMBOL) is None


async def test_a_fill_is_recorded_with_clean_decimals_and_its_fee_in_quote(bench: Bench) -> None:
    executor = bench.executor()
    executor.start()
    await bench.until_filled(executor)
    fills = [Exchange(bench.exchange).fill_of(event) for event in bench.fills]
    assert [fill.amount for fill in fills] == [Decimal("0.004"), Decimal("0.004"), Decimal("0.002")]
    assert len({fill.trade_id for fill in fills}) == 3
    assert fills[0].fee_quote == fills[0].price * fills[0].amount * Decimal("0.004")
    executor.stop()


def test_hummingbot_builds_this_exchange_once_installed(monkeypatch: Any) -> None:
    monkeypatch.setattr(connector_manager, "create_paper_trade_market", None)
    paper_exchange.install()
    factory = connector_manager.create_paper_trade_market
    assert factory is paper_exchange.create_executor_paper_market


def test_the_smallest_order_value_is_read_from_the_asset_pairs() -> None:
    pairs = {
        "XXBT-ZUSD": {"wsname": "XBT/USD", "costmin": "0.5"},
        "XETH-ZUSD": {"wsname": "ETH/USD", "costmin": "0.7"},
        "OLD": {"wsname": "OLD/USD"},
    }
    assert cost_minimums(pairs) == {"BTC-USD": Decimal("0.5"), "ETH-USD": Decimal("0.7")}
