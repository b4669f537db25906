"""The rows of the table of ways in which a plain executor loses money."""

import asyncio
from decimal import Decimal

import pytest
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executors import CloseType

from market_sim.faults import FaultName, Where
from market_sim.kraken_server import KrakenSettings
from tests.hummingbot_scripts.executor.guarding import (
    AMOUNT,
    PAIR,
    TrailingStop,
    eventually,
    guarding,
)

BUYS, SELLS = Where(side="buy"), Where(side="sell")
SALES = Where(side="sell", method="AddOrder")
ENTRIES = Where(side="buy", method="AddOrder")


@pytest.mark.parametrize(
    ("share", "close_type"), [(-0.05, CloseType.STOP_LOSS), (0.05, CloseType.TAKE_PROFIT)]
)
async def test_a_barrier_sells_everything_and_the_books_agree(
    monkeypatch: pytest.MonkeyPatch, share: float, close_type: CloseType
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.move(share)
        assert await market.closed(executor) is close_type
        assert market.coins == 0
        assert (len(market.orders(buy=True)), len(market.orders(buy=False))) == (1, 1)
        market.agree(executor)
        assert executor.executor_info.model_dump_json()
        assert executor.trouble is None


async def test_the_time_limit_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened(time_limit=1)
        assert await market.closed(executor) is CloseType.TIME_LIMIT
        market.agree(executor)


async def test_a_trailing_stop_follows_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    trailing = TrailingStop(activation_price=Decimal("0.01"), trailing_delta=Decimal("0.004"))
    async with guarding(monkeypatch) as market:
        executor = await market.opened(trailing_stop=trailing)
        market.move(0.016)
        await eventually(lambda: (executor.trailing_trigger or 0) > Decimal("0.008"))
        market.move(0.010)
        assert await market.closed(executor) is CloseType.TRAILING_STOP
        market.agree(executor)


async def test_a_partly_filled_entry_is_guarded_while_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_PARTIAL_FILL, only=BUYS, amount=0.5)
        executor = market.guard(entry_patience_s=60)
        await eventually(lambda: executor.open_filled_amount == AMOUNT / 2)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.coins == 0
        assert not market.exchange.open_orders()
        market.agree(executor)


async def test_what_an_entry_lacks_is_given_up_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_PARTIAL_FILL, only=BUYS, amount=0.3)
        executor = market.guard()
        await eventually(lambda: bool(market.orders(buy=True)))
        await eventually(lambda: not market.exchange.open_orders())
        market.faults.all_off()
        await eventually(lambda: executor.legs[0].settled)
        assert executor.status is RunnableStatus.RUNNING
        assert executor.open_filled_amount == Decimal("0.003")
        market.move(0.05)
        assert await market.closed(executor) is CloseType.TAKE_PROFIT
        market.agree(executor)


async def test_an_entry_that_is_refused_ends_it_with_one_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_INSUFFICIENT_FUNDS, only=ENTRIES)
        executor = market.guard()
        assert await market.closed(executor) is CloseType.FAILED
        assert market.faults.happened[FaultName.KRAKEN_INSUFFICIENT_FUNDS] == 1
        assert executor.get_net_pnl_quote() == 0


async def test_an_entry_that_never_fills_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_SLOW_FILL, only=BUYS, amount=60)
        executor = market.guard()
        assert await market.closed(executor) is CloseType.FAILED
        assert (len(market.orders(buy=True)), market.coins) == (1, 0)


async def test_an_exit_that_is_refused_twenty_times_still_sells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_INSUFFICIENT_FUNDS, remaining=20, only=SALES)
        market.move(-0.05)
        await eventually(lambda: "in vain (" in (executor.trouble or ""))
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.faults.happened[FaultName.KRAKEN_INSUFFICIENT_FUNDS] == 20
        assert (len(market.orders(buy=False)), market.coins) == (1, 0)
        market.agree(executor)


async def test_what_a_cancelled_exit_left_is_sold_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_REMAINDER_CANCELED, remaining=2, only=SELLS, amount=0.4)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        sizes = [order.wanted.size for order in market.orders(buy=False)]
        assert sizes == [Decimal("0.01"), Decimal("0.006"), Decimal("0.0036")]
        assert market.coins == 0
        market.agree(executor)


async def test_an_exit_that_hangs_half_done_is_cancelled_and_the_rest_sold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_PARTIAL_FILL, only=SELLS, amount=0.5)
        market.move(-0.05)
        await eventually(lambda: len(market.orders(buy=False)) > 1)
        market.faults.all_off()
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.coins == 0
        market.agree(executor)


@pytest.mark.parametrize(
    "fault",
    [
        FaultName.KRAKEN_ACCEPTED_520,
        FaultName.KRAKEN_ACCEPTED_CUT,
        FaultName.KRAKEN_LOST_FILL,
        FaultName.KRAKEN_REJECTED_LATE,
    ],
)
async def test_coins_that_are_not_its_own_are_never_sold_in_spite_of(
    monkeypatch: pytest.MonkeyPatch, fault: FaultName
) -> None:
    balances = {"ZUSD": Decimal(10_000), "XXBT": Decimal(1)}
    async with guarding(monkeypatch, settings=KrakenSettings(balances=balances)) as market:
        executor = await market.opened()
        in_engine = fault in {FaultName.KRAKEN_LOST_FILL, FaultName.KRAKEN_REJECTED_LATE}
        where = Where(symbol=PAIR) if in_engine else SALES
        market.faults.on(fault, remaining=1, only=where)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        await asyncio.sleep(0.5)
        assert market.coins == 0
        assert market.faults.happened[fault] == 1
        market.agree(executor)


async def test_a_remainder_under_the_minimum_is_dust_and_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_REMAINDER_CANCELED, only=SELLS, amount=0.997)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert executor.dust == market.coins == Decimal("0.00003")
        assert len(market.orders(buy=False)) == 1


async def test_an_entry_that_is_only_dust_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_REMAINDER_CANCELED, only=BUYS, amount=0.003)
        executor = market.guard()
        assert await market.closed(executor) is CloseType.FAILED
        assert executor.dust == market.coins == Decimal("0.00003")


async def test_without_a_trusted_price_only_the_time_limit_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened(time_limit=3)
        monkeypatch.setattr(market.run.connector.prices, "trusted", lambda _symbol: None)
        market.move(-0.05)
        await eventually(lambda: "no trusted price" in (executor.trouble or ""))
        assert executor.executor_info.model_dump_json()
        assert executor.to_format_status()
        assert await market.closed(executor) is CloseType.TIME_LIMIT
        market.agree(executor)


async def test_a_stop_by_the_script_sells_or_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        executor.early_stop()
        assert await market.closed(executor) is CloseType.EARLY_STOP
        assert market.coins == 0
        market.agree(executor)
        kept = await market.opened()
        kept.early_stop(keep_position=True)
        assert await market.closed(kept) is CloseType.POSITION_HOLD
        assert market.coins == AMOUNT
        [held] = kept.get_custom_info()["held_position_orders"]
        assert Decimal(held["executed_amount_base"]) == AMOUNT


async def test_a_stop_while_the_entry_waits_settles_what_was_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.faults.on(FaultName.KRAKEN_PARTIAL_FILL, only=BUYS, amount=0.5)
        executor = market.guard(entry_patience_s=60)
        executor.early_stop()
        assert await market.closed(executor) is CloseType.EARLY_STOP
        assert market.coins == 0
        executor = market.guard(entry_patience_s=60)
        await eventually(lambda: executor.open_filled_amount == AMOUNT / 2)
        executor.early_stop()
        assert await market.closed(executor) is CloseType.EARLY_STOP
        assert market.coins == 0
        assert not market.exchange.open_orders()
        market.agree(executor)


async def test_an_order_that_was_sent_although_an_error_came_back_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        market.script.fails = 1
        executor = await market.opened()
        market.script.fails = 1
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert (len(market.orders(buy=True)), len(market.orders(buy=False))) == (1, 1)
        market.agree(executor)


async def test_a_forced_stop_names_what_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_INSUFFICIENT_FUNDS, only=SALES)
        executor.early_stop()
        await eventually(lambda: executor.trouble is not None)
        executor.force_stop_with_position_hold()
        assert executor.close_type is CloseType.POSITION_HOLD
        assert len(executor.get_custom_info()["held_position_orders"]) == 1
        assert executor.unsold == AMOUNT
        assert executor.settled


async def test_an_exit_under_way_goes_on_when_the_script_stops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with guarding(monkeypatch) as market:
        executor = await market.opened()
        market.faults.on(FaultName.KRAKEN_INSUFFICIENT_FUNDS, remaining=3, only=SALES)
        market.move(-0.05)
        await eventually(lambda: executor.status is RunnableStatus.SHUTTING_DOWN)
        executor.early_stop(keep_position=True)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert market.coins == 0
