"""A position of an earlier run is guarded again, by its original entry and remaining time."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.core.data_type.common import OrderType
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals.executor import Adopted, GuardedExecutor
from market_sim.faults import FaultName, Where
from market_sim.kraken_orders import Order
from tests.hummingbot_scripts.executor.guarding import (
    AMOUNT,
    PAIR,
    Guarding,
    TrailingStop,
    adopted_order,
    eventually,
    guarding,
)


async def left_behind(market: Guarding) -> Order:
    """Buy as an earlier run did whose connector has forgotten everything."""
    connector = market.run.connector
    connector.buy(PAIR, AMOUNT, OrderType.MARKET)
    await eventually(lambda: bool(connector._order_tracker.cached_orders))
    forget(market)
    return market.orders(buy=True)[-1]


def forget(market: Guarding) -> None:
    tracker: Any = market.run.connector._order_tracker
    tracker._in_flight_orders.clear()
    tracker._cached_orders.clear()


def adopt(market: Guarding, adopted: Adopted, opened_at: datetime, **given: Any) -> GuardedExecutor:
    return market.guard(timestamp=opened_at.timestamp(), adopted=adopted, **given)


def minutes_ago(minutes: float) -> datetime:
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() - 60 * minutes, UTC)


async def test_the_barriers_go_on_from_the_original_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        entry = await left_behind(market)
        market.move(0.012)
        adopted = Adopted(adopted_order(market, entry))
        executor = adopt(market, adopted, minutes_ago(5))
        await asyncio.sleep(0.3)
        assert executor.entry_price == market.exchange.trades[0].price
        assert executor.is_trading
        assert 290 < executor.end_time - executor.now < 305
        market.move(0.05)
        assert await market.closed(executor) is CloseType.TAKE_PROFIT
        assert (len(market.orders(buy=True)), market.coins) == (1, 0)
        market.agree(executor)


@pytest.mark.parametrize(
    ("share", "minutes", "close_type"),
    [
        (0.0, 11, CloseType.TIME_LIMIT),
        (-0.05, 5, CloseType.STOP_LOSS),
        (-0.05, 11, CloseType.STOP_LOSS),
        (0.05, 5, CloseType.TAKE_PROFIT),
    ],
)
async def test_what_has_happened_meanwhile_ends_it_at_once(
    monkeypatch: pytest.MonkeyPatch, share: float, minutes: float, close_type: CloseType
) -> None:
    async with guarding(monkeypatch) as market:
        entry = await left_behind(market)
        market.move(share)
        await asyncio.sleep(0.5)
        executor = adopt(market, Adopted(adopted_order(market, entry)), minutes_ago(minutes))
        assert await market.closed(executor) is close_type
        assert market.coins == 0
        market.agree(executor)


async def test_an_exit_under_way_goes_on_with_what_it_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        entry = await left_behind(market)
        connector = market.run.connector
        connector.sell(PAIR, Decimal("0.004"), OrderType.MARKET)
        await eventually(lambda: bool(connector._order_tracker.cached_orders))
        forget(market)
        exits = (adopted_order(market, market.orders(buy=False)[0]),)
        adopted = Adopted(adopted_order(market, entry), exits, leaving=CloseType.STOP_LOSS)
        executor = adopt(market, adopted, minutes_ago(1))
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert [order.filled for order in market.orders(buy=False)] == [
            Decimal("0.004"),
            Decimal("0.006"),
        ]
        market.agree(executor)


async def test_a_live_entry_of_an_earlier_run_is_settled_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_PARTIAL_FILL, only=Where(side="buy"), amount=0.5)
        market.run.connector.buy(PAIR, AMOUNT, OrderType.MARKET)
        await eventually(lambda: bool(market.exchange.trades))
        forget(market)
        entry = adopted_order(market, market.orders(buy=True)[0])
        assert entry.live
        executor = adopt(market, Adopted(entry), minutes_ago(1))
        await eventually(lambda: not market.exchange.open_orders())
        market.faults.all_off()
        await eventually(lambda: executor.legs[0].settled)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.coins == 0
        market.agree(executor)


async def test_a_live_exit_of_an_earlier_run_is_not_doubled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        entry = await left_behind(market)
        market.faults.on(FaultName.KRAKEN_SLOW_FILL, only=Where(side="sell"), amount=2)
        market.run.connector.sell(PAIR, AMOUNT, OrderType.MARKET)
        await eventually(lambda: bool(market.exchange.open_orders()))
        forget(market)
        exits = (adopted_order(market, market.orders(buy=False)[0]),)
        adopted = Adopted(adopted_order(market, entry), exits)
        executor = adopt(market, adopted, minutes_ago(1), exit_patience_s=600)
        assert await market.closed(executor) is CloseType.EARLY_STOP
        assert (len(market.orders(buy=False)), market.coins) == (1, 0)
        market.agree(executor)


async def test_a_trailing_stop_stands_where_it_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    trailing = TrailingStop(activation_price=Decimal("0.015"), trailing_delta=Decimal("0.005"))
    async with guarding(monkeypatch) as market:
        entry = await left_behind(market)
        adopted = Adopted(adopted_order(market, entry), trailing_trigger=Decimal("0.012"))
        executor = adopt(market, adopted, minutes_ago(1), trailing_stop=trailing)
        assert await market.closed(executor) is CloseType.TRAILING_STOP
