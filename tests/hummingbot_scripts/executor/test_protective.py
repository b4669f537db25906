"""The stop-loss order that rests at the exchange while the bot guards by itself."""

from decimal import Decimal

import pytest
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals.executor import Adopted, GuardedExecutor
from market_sim.faults import FaultName, Where
from market_sim.kraken_orders import Order
from tests.hummingbot_scripts.executor.guarding import (
    AMOUNT,
    PAIR,
    Guarding,
    adopted_order,
    eventually,
    guarding,
)
from tests.hummingbot_scripts.executor.test_adoption import forget, minutes_ago

MARGIN = Decimal("0.01")
STOPS = Where(side="sell", method="AddOrder")


async def protected(market: Guarding) -> GuardedExecutor:
    executor = await market.opened(protective_margin=MARGIN)
    await eventually(lambda: bool(market.exchange.open_orders()))
    return executor


async def test_a_stop_rests_below_the_bots_own_and_is_announced_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await protected(market)
        [stop] = market.exchange.open_orders()
        bought = market.exchange.trades[0].price
        trigger = (bought * Decimal("0.97")).quantize(Decimal("0.1"))
        assert stop.wanted.trigger is not None
        assert abs(stop.wanted.trigger - trigger) <= Decimal("0.1")
        assert stop.wanted.size == AMOUNT
        order_id = executor.legs[1].order_id
        assert market.script.announced == [
            (executor.config.id, order_id, PAIR, AMOUNT, stop.wanted.trigger)
        ]


async def test_it_is_cancelled_before_the_bot_sells_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await protected(market)
        market.move(-0.025)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        stop, sale = market.orders(buy=False)
        assert (stop.filled, sale.filled) == (0, AMOUNT)
        assert not market.exchange.open_orders()
        market.agree(executor)


async def test_when_it_triggers_first_nothing_else_is_sold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await protected(market)
        market.move(-0.10)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.coins == 0
        assert sum(order.filled for order in market.orders(buy=False)) == AMOUNT
        market.agree(executor)


async def test_a_kept_position_keeps_its_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        executor = await protected(market)
        executor.early_stop(keep_position=True)
        assert await market.closed(executor) is CloseType.POSITION_HOLD
        assert len(market.exchange.open_orders()) == 1


async def test_a_refused_stop_is_sent_again_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_INSUFFICIENT_FUNDS, only=STOPS, remaining=3)
        executor = await market.opened(protective_margin=MARGIN, longest_retry_s=0.4)
        await eventually(lambda: "protective stop orders in vain" in (executor.trouble or ""))
        await eventually(lambda: bool(market.exchange.open_orders()))
        await eventually(lambda: executor.trouble is None)


async def after_a_crash(market: Guarding) -> tuple[Order, Order]:
    """Leave a position with its stop behind."""
    executor = await protected(market)
    executor.stop()
    forget(market)
    return market.orders(buy=True)[0], market.exchange.open_orders()[0]


async def test_an_adopted_stop_is_kept_and_not_doubled(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        entry, stop = await after_a_crash(market)
        adopted = Adopted(adopted_order(market, entry), protective=(adopted_order(market, stop),))
        opened = minutes_ago(1).timestamp()
        executor = market.guard(opened, adopted=adopted, protective_margin=MARGIN)
        market.move(-0.025)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert len(market.orders(buy=False)) == 2
        assert (market.coins, market.exchange.open_orders()) == (0, [])
        market.agree(executor)


async def test_an_adopted_stop_that_has_sold_meanwhile_ends_the_position(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        entry, stop = await after_a_crash(market)
        market.move(-0.10)
        await eventually(lambda: not stop.live)
        adopted = Adopted(adopted_order(market, entry), protective=(adopted_order(market, stop),))
        opened = minutes_ago(1).timestamp()
        executor = market.guard(opened, adopted=adopted, protective_margin=MARGIN)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert len(market.orders(buy=False)) == 1
        market.agree(executor)
