from decimal import Decimal

import pytest
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.network_iterator import NetworkStatus

from hummingbot_scripts.ml_signals.kraken.connector import Sending
from market_sim.faults import ANYWHERE, FaultName, Where
from market_sim.kraken_limits import Tier
from market_sim.kraken_server import KrakenSettings
from tests.hummingbot_scripts.kraken.trading import (
    PAIR,
    BuyOrderCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    SellOrderCompletedEvent,
    eventually,
    trading,
    utc_now,
)

ONLY_ORDERS = Where(method="AddOrder")
AT_THE_GATEWAY = {
    FaultName.KRAKEN_ACCEPTED_520,
    FaultName.KRAKEN_ACCEPTED_CUT,
    FaultName.KRAKEN_ACCEPTED_ERROR,
    FaultName.KRAKEN_HTML_ANSWER,
    FaultName.KRAKEN_TRUNCATED_ANSWER,
    FaultName.KRAKEN_SLOW_ANSWER,
    FaultName.KRAKEN_INVALID_NONCE,
    FaultName.KRAKEN_RATE_LIMIT,
    FaultName.KRAKEN_ACCEPTED_LATE,
}
AMOUNTS = {
    FaultName.KRAKEN_SLOW_ANSWER: 5.0,
    FaultName.KRAKEN_LATE_FILL: 3.0,
    FaultName.KRAKEN_ACCEPTED_LATE: 1.0,
    FaultName.KRAKEN_HIDDEN_ORDER: 1.0,
    FaultName.KRAKEN_LATE_ORDER_UPDATE: 2.0,
    FaultName.KRAKEN_SLOW_FILL: 1.0,
}


async def test_what_is_bought_and_sold_is_told_to_the_last_digit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        run.sell()
        await run.heard(SellOrderCompletedEvent)
        orders = run.kraken.exchange.orders.values()
        assert len(orders) == 2
        assert run.told_amount() == Decimal("0.02")
        assert run.connector.trusted_price(PAIR).source == "book"
        await run.connector._update_balances()
        assert run.connector.get_balance("USD") == run.kraken.exchange.balances["ZUSD"]


@pytest.mark.parametrize(
    "fault",
    [
        FaultName.KRAKEN_ACCEPTED_520,
        FaultName.KRAKEN_ACCEPTED_CUT,
        FaultName.KRAKEN_ACCEPTED_ERROR,
        FaultName.KRAKEN_HTML_ANSWER,
        FaultName.KRAKEN_TRUNCATED_ANSWER,
        FaultName.KRAKEN_SLOW_ANSWER,
        FaultName.KRAKEN_EARLY_FILL,
        FaultName.KRAKEN_LOST_FILL,
        FaultName.KRAKEN_LATE_FILL,
        FaultName.KRAKEN_FILL_TWICE,
        FaultName.KRAKEN_LOST_ORDER_UPDATE,
        FaultName.KRAKEN_INVALID_NONCE,
        FaultName.KRAKEN_RATE_LIMIT,
        FaultName.KRAKEN_SEQUENCE_GAP,
        FaultName.KRAKEN_PRIVATE_DROP,
        FaultName.KRAKEN_ACCEPTED_LATE,
        FaultName.KRAKEN_HIDDEN_ORDER,
        FaultName.KRAKEN_LATE_ORDER_UPDATE,
        FaultName.KRAKEN_SLOW_FILL,
    ],
)
async def test_an_order_is_placed_once_and_its_fills_are_told_once_in_spite_of(
    fault: FaultName, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(monkeypatch) as run:
        where = ONLY_ORDERS if fault in AT_THE_GATEWAY else ANYWHERE
        run.kraken.faults.on(fault, remaining=1, only=where, amount=AMOUNTS.get(fault))
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        run.sell()
        await run.heard(SellOrderCompletedEvent)
        assert len(run.kraken.exchange.orders) == 2
        assert run.told_amount() == Decimal("0.02")
        await eventually(lambda: run.kraken.faults.happened.get(fault) == 1)


@pytest.mark.parametrize(
    "fault", [FaultName.KRAKEN_PRIVATE_5XX, FaultName.KRAKEN_CUT, FaultName.KRAKEN_BUSY]
)
async def test_an_order_that_kraken_never_had_has_failed(
    fault: FaultName, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(fault, remaining=1, only=ONLY_ORDERS)
        run.buy()
        await run.heard(MarketOrderFailureEvent)
        assert not run.kraken.exchange.orders


async def test_fills_that_kraken_itself_knows_late_are_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_LOST_FILL, remaining=1)
        run.kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=3.0)
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        assert run.told_amount() == Decimal("0.01")


async def test_orders_are_asked_for_when_the_private_stream_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_PRIVATE_SILENCE)
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        assert run.told_amount() == Decimal("0.01")


async def test_the_calls_of_the_lowest_tier_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KrakenSettings(tier=Tier.STARTER)
    async with trading(monkeypatch, settings, tier="starter") as run:
        run.kraken.faults.on(FaultName.KRAKEN_LOST_FILL)
        for count in range(1, 4):
            run.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_520, remaining=1)
            run.buy()
            await run.heard(BuyOrderCompletedEvent, count)
        assert run.told_amount() == Decimal("0.03")
        assert len(run.kraken.exchange.orders) == 3


async def test_an_order_that_the_engine_cancels_ends_with_what_it_had_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_REMAINDER_CANCELED, remaining=1)
        run.kraken.faults.on(FaultName.KRAKEN_LOST_FILL, remaining=1)
        run.buy()
        await run.heard(OrderCancelledEvent)
        assert run.told_amount() == Decimal("0.005")


async def test_an_order_that_fills_instead_of_being_cancelled_is_filled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_FILLED_INSTEAD, remaining=1)
        order_id = run.connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, Decimal(59_000))
        await eventually(lambda: len(run.kraken.exchange.open_orders()) == 1)
        await eventually(lambda: run.connector.in_flight_orders[order_id].is_open)
        run.connector.cancel(PAIR, order_id)
        await run.heard(BuyOrderCompletedEvent)
        assert run.told_amount() == Decimal("0.001")
        assert not run.said(OrderCancelledEvent)


async def test_an_order_that_shows_after_kraken_denied_it_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_520, remaining=1)
        run.kraken.faults.on(FaultName.KRAKEN_HIDDEN_ORDER, remaining=1, amount=60.0)
        run.kraken.faults.on(FaultName.KRAKEN_LATE_ORDER_UPDATE, amount=5.0)
        run.connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, Decimal(50_000))
        await run.heard(MarketOrderFailureEvent)
        await eventually(lambda: len(run.kraken.exchange.orders) == 1)
        await eventually(lambda: not run.kraken.exchange.open_orders())


async def test_kraken_counts_as_there_as_long_as_it_tells_prices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_PUBLIC_5XX)
        assert await run.connector.check_network() is NetworkStatus.CONNECTED
        run.connector.ALIVE_S = 0.0
        assert await run.connector.check_network() is NetworkStatus.NOT_CONNECTED
        run.kraken.faults.off(FaultName.KRAKEN_PUBLIC_5XX)
        assert await run.connector.check_network() is NetworkStatus.CONNECTED


async def test_prices_come_from_the_believed_book(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        price = run.connector.trusted_price(PAIR)
        assert run.connector.get_price(PAIR, True) == price.ask
        assert run.connector.get_price(PAIR, False) == price.bid
        assert run.connector.get_mid_price(PAIR) == price.mid


async def test_a_stop_is_cut_to_kraken_s_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        txid = await run.connector.place_stop(
            PAIR, Decimal("0.0099999999999"), Decimal("58000.123456"), run.connector.new_order_id()
        )
        wanted = run.kraken.exchange.orders[txid].wanted
        assert wanted.size == Decimal("0.00999999")


async def test_an_order_that_kraken_refuses_has_failed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.buy("5")
        failed = (await run.heard(MarketOrderFailureEvent))[0]
        assert "Insufficient funds" in failed.error_message


async def test_nothing_is_sent_that_could_not_be_written_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_sending: Sending) -> None:
        raise OSError("the disk is full")

    async with trading(monkeypatch) as run:
        run.connector.before_send = full
        run.buy()
        await run.heard(MarketOrderFailureEvent)
        assert not run.kraken.exchange.orders


async def test_a_new_connection_brings_a_new_token(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_TOKEN_EXPIRED, remaining=1)
        run.kraken.faults.on(FaultName.KRAKEN_PRIVATE_DROP, remaining=1)
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        assert run.told_amount() == Decimal("0.01")


async def test_a_frozen_book_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(FaultName.KRAKEN_FROZEN_BOOK)
        run.prices.prices[PAIR] = 57_000.0

        def crashed() -> bool:
            price = run.connector.trusted_price(PAIR)
            return price is not None and price.bid < 57_100 and price.source == "ticker"

        await eventually(crashed)
        run.kraken.faults.off(FaultName.KRAKEN_FROZEN_BOOK)
        await eventually(lambda: run.connector.trusted_price(PAIR).source == "book")


@pytest.mark.parametrize(
    "fault",
    [
        FaultName.KRAKEN_WRONG_CHECKSUM,
        FaultName.KRAKEN_LOST_BOOK_UPDATE,
        FaultName.KRAKEN_CROSSED_BOOK,
        FaultName.KRAKEN_PUBLIC_DROP,
    ],
)
async def test_a_book_that_is_wrong_is_asked_for_anew(
    fault: FaultName, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with trading(monkeypatch) as run:
        run.kraken.faults.on(fault, remaining=3)
        await eventually(lambda: run.kraken.faults.happened.get(fault, 0) == 3)
        run.prices.prices[PAIR] = 61_000.0

        def right() -> bool:
            price = run.connector.trusted_price(PAIR)
            best = min(run.kraken.exchange.books[PAIR].asks)
            return price is not None and price.source == "book" and price.ask == best

        await eventually(right)


async def test_a_protective_stop_rests_sells_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        userref = run.connector.new_order_id()
        txid = await run.connector.place_stop(PAIR, Decimal("0.01"), Decimal(58_000), userref)
        assert run.kraken.exchange.orders[txid].live
        run.prices.prices[PAIR] = 57_000.0
        sold = (await run.heard(SellOrderCompletedEvent))[0]
        assert sold.order_id == userref


async def test_a_protective_stop_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        run.buy()
        await run.heard(BuyOrderCompletedEvent)
        userref = run.connector.new_order_id()
        txid = await run.connector.place_stop(PAIR, Decimal("0.01"), Decimal(58_000), userref)
        run.connector.cancel(PAIR, userref)
        await run.heard(OrderCancelledEvent)
        assert not run.kraken.exchange.orders[txid].live


async def test_the_account_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        since = utc_now()
        for _ in range(60):
            run.buy("0.0001")
        await eventually(lambda: len(run.kraken.exchange.trades) == 60)
        inquiry = await run.connector.inquiry()
        await inquiry.look()
        await inquiry.ended_orders(since)
        await inquiry.history(since)
        account = inquiry.account
        assert {order.txid for order in account.orders} == set(run.kraken.exchange.orders)
        assert sum(trade.fee_quote for trade in account.trades) == sum(
            trade.fee for trade in run.kraken.exchange.trades
        )
        assert account.balances["BTC"] == Decimal("0.006")


async def test_earned_balances_and_locks_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KrakenSettings(balances={"ZUSD": Decimal(100), "USD.F": Decimal(900)})
    async with trading(monkeypatch, settings) as run:
        await run.connector._update_balances()
        assert run.connector.get_balance("USD") == Decimal(1000)
        run.connector.buy(PAIR, Decimal("0.001"), OrderType.LIMIT, Decimal(50_000))
        await eventually(lambda: len(run.kraken.exchange.open_orders()) == 1)
        await run.connector._update_balances()
        assert run.connector.get_available_balance("USD") == Decimal(950)


async def test_the_smallest_cost_is_a_trading_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    async with trading(monkeypatch) as run:
        assert run.connector.trading_rules[PAIR].min_notional_size == Decimal("0.5")


async def test_balances_that_could_not_be_asked_for_at_the_start_are_asked_for_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with trading(monkeypatch) as run:
        run.connector.BALANCES_S = 0.01
        run.connector._account_balances.clear()
        assert not run.connector.ready
        run.kraken.faults.on(FaultName.KRAKEN_BUSY, remaining=4, only=Where(method="Balance"))
        await run.connector._learn_balances()
        assert run.connector.ready
        assert run.connector.get_balance("USD") == run.kraken.exchange.balances["ZUSD"]
