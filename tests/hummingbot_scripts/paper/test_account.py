"""The paper account takes, fills, charges and refuses as Kraken does."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.paper.account import PaperAccount
from hummingbot_scripts.ml_signals.paper.matching import Level, Market
from hummingbot_scripts.ml_signals.paper.orders import Kind, RefusedError, Status, StepKind, Wanted
from hummingbot_scripts.ml_signals.trades import OrderSide
from tests.hummingbot_scripts.paper.markets import (
    NOW,
    PAIR,
    PAIRS,
    SYMBOL,
    account_in,
    book,
    buy,
    sell,
    stop,
)


@pytest.fixture
def account(tmp_path: Path) -> PaperAccount:
    return account_in(tmp_path, USD="10000", BTC="0.1")


def test_a_market_order_fills_level_by_level_and_pays_the_takers_fee(
    account: PaperAccount,
) -> None:
    change = account.add(buy("0.03"), PAIR, book(size="0.02"), NOW)
    assert [(t.price, t.size) for t in change.trades] == [
        (Decimal("60000.5"), Decimal("0.02")),
        (Decimal("60001.5"), Decimal("0.01")),
    ]
    assert [t.cost for t in change.trades] == [Decimal("1200.01"), Decimal("600.015")]
    assert [t.fee for t in change.trades] == [Decimal("3.12002"), Decimal("1.56003")]
    assert not any(t.maker for t in change.trades)
    assert account.balances == {
        "USD": Decimal("10000") - Decimal("1800.025") - Decimal("4.68005"),
        "BTC": Decimal("0.13"),
    }
    assert change.order.status is Status.CLOSED
    kinds = [step.kind for step in change.steps]
    assert kinds == [StepKind.NEW, StepKind.OPEN, StepKind.FILL, StepKind.FILL, StepKind.END]


def test_the_rest_of_a_market_order_waits_and_fills_as_the_book_refills(
    account: PaperAccount,
) -> None:
    thin = book(size="0.01", levels=2)
    order = account.add(buy("0.05"), PAIR, thin, NOW).order
    assert (order.status, order.filled) == (Status.OPEN, Decimal("0.02"))
    assert account.follow(PAIR, thin, NOW) == []  # nothing new has come
    account.follow(PAIR, book(size="0.01", levels=2), NOW)
    [change] = account.follow(PAIR, book(size="0.01", levels=2), NOW)
    assert (change.order.status, change.order.filled) == (Status.CLOSED, Decimal("0.05"))


def test_what_was_taken_is_gone_until_the_level_is_told_anew(account: PaperAccount) -> None:
    still = book(size="0.02", levels=2)
    account.add(buy("0.01"), PAIR, still, NOW)
    second = account.add(buy("0.02"), PAIR, still, NOW)
    assert [t.price for t in second.trades] == [Decimal("60000.5"), Decimal("60001.5")]
    refreshed = replace(still, asks=[replace(still.asks[0], stamp=10**6), still.asks[1]])
    third = account.add(buy("0.02"), PAIR, refreshed, NOW)
    assert [t.price for t in third.trades] == [Decimal("60000.5")]


def test_a_limit_order_rests_and_trades_at_its_own_price_as_a_maker(
    account: PaperAccount,
) -> None:
    order = account.add(buy("0.02", "59900.0"), PAIR, book(), NOW).order
    assert order.status is Status.OPEN
    assert account.free("USD") == Decimal("10000") - Decimal("1198") * Decimal("1.0026")
    assert account.follow(PAIR, book(), NOW) == []
    [change] = account.follow(PAIR, book(59_800), NOW)
    [trade] = change.trades
    assert (trade.price, trade.maker) == (Decimal("59900.0"), True)
    assert trade.fee == Decimal("1.9168")
    assert account.free("USD") == account.balances["USD"]


def test_a_crossing_limit_order_takes_what_its_price_allows_and_rests_with_the_remainder(
    account: PaperAccount,
) -> None:
    order = account.add(buy("0.05", "60001.5"), PAIR, book(size="0.02"), NOW).order
    assert (order.filled, order.status) == (Decimal("0.04"), Status.OPEN)
    [change] = account.follow(PAIR, book(60_000.5, size="0.02"), NOW)
    assert change.trades[0].maker


def test_a_crossing_maker_order_is_cancelled_without_a_fill(account: PaperAccount) -> None:
    change = account.add(buy("0.01", "60000.5", post_only=True), PAIR, book(), NOW)
    assert (change.order.status, change.trades) == (Status.CANCELED, ())
    resting = account.add(buy("0.01", "60000.4", post_only=True), PAIR, book(), NOW)
    assert resting.order.status is Status.OPEN


def test_a_stop_waits_for_its_trigger_then_sells_at_the_market(account: PaperAccount) -> None:
    order = account.add(stop("0.1", "59000.0"), PAIR, book(), NOW).order
    assert account.free("BTC") == 0
    dip = replace(book(59_001), last=Decimal("59001"))
    assert account.follow(PAIR, dip, NOW) == []
    [change] = account.follow(PAIR, replace(book(59_050), last=Decimal("58999")), NOW)
    assert change.order.txid == order.txid
    assert change.order.triggered
    assert change.trades[0].price == Decimal("59049.5")


def test_a_book_wholly_beyond_the_trigger_sets_a_stop_off(account: PaperAccount) -> None:
    account.add(stop("0.1", "59000.0"), PAIR, book(), NOW)
    [change] = account.follow(PAIR, replace(book(58_000), last=None), NOW)
    assert change.order.status is Status.CLOSED


def test_a_set_off_stop_stays_set_off(account: PaperAccount) -> None:
    account.add(stop("0.1", "59000.0"), PAIR, book(), NOW)
    account.follow(PAIR, Market(last=Decimal(58_000)), NOW)
    [change] = account.follow(PAIR, book(60_000), NOW)
    assert change.order.status is Status.CLOSED


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        (buy("0.00009"), "EGeneral:Invalid arguments:volume minimum not met"),
        (buy("0.0001", "100.0"), "EOrder:Cost minimum not met"),
        (buy("1"), "EOrder:Insufficient funds"),
        (sell("0.11"), "EOrder:Insufficient funds"),
        (stop("0.11", "50000.0"), "EOrder:Insufficient funds"),
        (
            buy("0.001", "60000.05"),
            "EOrder:Invalid price:XBTUSD price can only be specified up to 1 decimals.",
        ),
    ],
)
def test_kraken_would_refuse_it_in_these_words(
    account: PaperAccount, wanted: Wanted, error: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        account.add(wanted, PAIR, book(), NOW)
    assert str(refusal.value) == error
    assert not account.orders


def test_a_price_between_two_ticks_is_refused(account: PaperAccount) -> None:
    wanted = Wanted("SOL-USD", OrderSide.BUY, Kind.LIMIT, Decimal(1), Decimal("150.003"))
    with pytest.raises(RefusedError, match="Tick size check failed"):
        account.add(wanted, PAIRS["SOL-USD"], Market(), NOW)


def test_a_market_order_without_any_price_is_refused(account: PaperAccount) -> None:
    with pytest.raises(RefusedError, match="Insufficient liquidity"):
        account.add(buy("0.01"), PAIR, Market(), NOW)


def test_what_an_order_ties_up_cannot_be_spent_twice(account: PaperAccount) -> None:
    order = account.add(sell("0.1", "70000.0"), PAIR, book(), NOW).order
    with pytest.raises(RefusedError, match="Insufficient funds"):
        account.add(sell("0.0001"), PAIR, book(), NOW)
    account.cancel(order, NOW)
    assert account.add(sell("0.1"), PAIR, book(), NOW).order.status is Status.CLOSED


def test_a_market_order_that_runs_out_of_money_is_cancelled_with_what_it_got(
    account: PaperAccount,
) -> None:
    account.add(buy("0.16"), PAIR, book(size="0.01", levels=1), NOW)
    [change] = account.follow(PAIR, book(90_000, size="1"), NOW)
    assert (change.order.status, change.order.reason) == (Status.CANCELED, "Insufficient funds")
    assert 0 <= account.balances["USD"] < Decimal("0.01")


def test_sizes_are_cut_to_the_lot(account: PaperAccount) -> None:
    order = account.add(buy("0.0100000099"), PAIR, book(), NOW).order
    assert order.wanted.size == Decimal("0.01000000")


def test_a_restart_finds_orders_trades_and_balances_and_goes_on(
    account: PaperAccount, tmp_path: Path
) -> None:
    account.add(buy("0.01"), PAIR, book(), NOW)
    resting = account.add(sell("0.05", "61000.0"), PAIR, book(), NOW).order
    account.add(stop("0.02", "55000.0"), PAIR, book(), NOW)
    again = account_in(tmp_path, USD="77", BTC="7", SOL="7")  # as a restart does, without a close
    assert again.orders == account.orders
    assert again.trades == account.trades
    assert again.balances == account.balances
    [change] = again.follow(PAIR, book(61_100), NOW)
    assert change.order.txid == resting.txid
    assert change.trades[0].trade_id not in account.trades


def test_starting_balances_are_taken_until_the_account_is_opened(tmp_path: Path) -> None:
    account_in(tmp_path, USD="1")
    account = account_in(tmp_path, USD="500", BTC="1")
    account.open(NOW)
    account.seed("USD", Decimal(9))
    assert account.balances == {"USD": Decimal(500), "BTC": Decimal(1)}


def test_a_level_with_less_than_a_lot_taken_is_still_there(account: PaperAccount) -> None:
    market = Market([Level(Decimal("60000.5"), Decimal("0.02"), 1)], [], Decimal(60_000))
    account.add(buy("0.01999999"), PAIR, market, NOW)
    change = account.add(buy("0.001"), PAIR, market, NOW)
    assert change.order.filled == Decimal("0.00000001")
    assert change.order.wanted.symbol == SYMBOL
