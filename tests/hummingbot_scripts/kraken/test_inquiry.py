from datetime import timedelta
from decimal import Decimal

import pytest

from hummingbot_scripts.ml_signals.kraken.answers import KrakenError, KrakenRefusedError
from hummingbot_scripts.ml_signals.kraken.inquiry import ORDERS_A_CALL, TRADES_A_CALL
from market_sim.faults import FaultName, Where
from market_sim.kraken_orders import Side
from tests.hummingbot_scripts.kraken.asked import AskedAccount

HOUR = timedelta(hours=1)


@pytest.fixture
def kraken() -> AskedAccount:
    return AskedAccount()


def _bought(kraken: AskedAccount, count: int) -> list[str]:
    return [
        kraken.trade(Side.BUY, number, size=Decimal("0.02")).id for number in range(1, count + 1)
    ]


async def test_open_orders_and_balances_take_two_calls(kraken: AskedAccount) -> None:
    kraken.trade(Side.BUY, 1)
    resting = kraken.rest(2, Decimal(900))
    inquiry = kraken.inquiry()
    await inquiry.look()
    assert kraken.methods == ["OpenOrders", "Balance"]
    assert [order.txid for order in inquiry.account.orders] == [resting.id]
    assert inquiry.account.balances["BTC"] == Decimal("0.01")


async def test_fifty_orders_and_twenty_trades_are_asked_for_in_one_call(
    kraken: AskedAccount,
) -> None:
    ids = _bought(kraken, ORDERS_A_CALL)
    inquiry = kraken.inquiry()
    await inquiry.orders(ids)
    assert {order.txid for order in inquiry.account.orders} == set(ids)
    names = [name for order in inquiry.account.orders for name in order.trade_ids]
    await inquiry.trades(names[:TRADES_A_CALL])
    assert {trade.trade_id for trade in inquiry.account.trades} == set(names[:TRADES_A_CALL])
    assert kraken.methods == ["QueryOrders", "QueryTrades"]


async def test_an_id_that_kraken_does_not_know_hides_no_other(kraken: AskedAccount) -> None:
    ids = _bought(kraken, 20)
    inquiry = kraken.inquiry()
    await inquiry.orders([*ids[:13], "O-NONE", *ids[13:]])
    assert {order.txid for order in inquiry.account.orders} == set(ids)
    trades = [name for order in inquiry.account.orders for name in order.trade_ids][:15]
    await inquiry.trades(["T-NONE", *trades])
    assert {trade.trade_id for trade in inquiry.account.trades} == set(trades)
    assert len(kraken.calls) < 24


async def test_a_refusal_that_says_nothing_of_ids_is_raised(kraken: AskedAccount) -> None:
    inquiry = kraken.inquiry()
    with pytest.raises(KrakenRefusedError, match="Invalid arguments"):
        await inquiry.orders(["O"] * (ORDERS_A_CALL + 1))


async def test_a_number_finds_every_order_that_bears_it_and_no_other(kraken: AskedAccount) -> None:
    first = kraken.trade(Side.BUY, 7)
    second = kraken.trade(Side.BUY, 7)
    kraken.trade(Side.BUY, 8)
    inquiry = kraken.inquiry()
    await inquiry.number("7", kraken.clock() - HOUR)
    assert {order.txid for order in inquiry.account.orders} == {first.id, second.id}
    assert all(order.trade_ids for order in inquiry.account.orders)


async def test_numbers_of_long_ago_are_not_found(kraken: AskedAccount) -> None:
    kraken.trade(Side.BUY, 7)
    kraken.clock.forward(7200)
    inquiry = kraken.inquiry()
    await inquiry.number("7", kraken.clock() - HOUR)
    assert inquiry.account.orders == ()


async def test_the_histories_are_read_page_by_page(kraken: AskedAccount) -> None:
    ids = _bought(kraken, 120)
    inquiry = kraken.inquiry()
    await inquiry.ended_orders(kraken.clock() - HOUR)
    await inquiry.history(kraken.clock() - HOUR)
    assert {order.txid for order in inquiry.account.orders} == set(ids)
    assert {trade.txid for trade in inquiry.account.trades} == set(ids)
    assert kraken.methods.count("ClosedOrders") == 3


async def test_a_page_that_fails_throws_no_other_away(kraken: AskedAccount) -> None:
    ids = _bought(kraken, 120)
    inquiry = kraken.inquiry()
    kraken.faults.on(FaultName.KRAKEN_BUSY, remaining=1, only=Where(method="ClosedOrders"))
    since = kraken.clock() - HOUR
    with pytest.raises(KrakenError):
        await inquiry.ended_orders(since)
    kraken.faults.all_off()
    asked = len(kraken.calls)

    ask = inquiry._ask

    async def fail_at_the_third(method: str, given: dict[str, str]) -> object:
        if given["ofs"] == "100":
            raise KrakenError("cut off")
        return await ask(method, given)

    inquiry._ask = fail_at_the_third  # type: ignore[assignment]
    with pytest.raises(KrakenError):
        await inquiry.ended_orders(since)
    inquiry._ask = ask
    late = kraken.trade(Side.BUY, 500)
    await inquiry.ended_orders(since)
    assert {order.txid for order in inquiry.account.orders} == {*ids, late.id}
    assert len(kraken.calls) - asked == 4


async def test_an_order_that_ends_while_it_is_read_is_an_ended_one(kraken: AskedAccount) -> None:
    order = kraken.rest(1, Decimal(900))
    inquiry = kraken.inquiry()
    await inquiry.look()
    kraken.exchange.cancel(order.id)
    await inquiry.orders([order.id])
    assert [known.status for known in inquiry.account.orders] == ["canceled"]


async def test_trades_that_kraken_lists_late_are_known_once_they_are_listed(
    kraken: AskedAccount,
) -> None:
    order = kraken.trade(Side.BUY, 1)
    kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=5)
    inquiry = kraken.inquiry()
    await inquiry.orders([order.id])
    await inquiry.trades([trade.id for trade in kraken.exchange.trades])
    [known] = inquiry.account.orders
    assert (known.trade_ids, known.filled) == ((), Decimal("0.01"))
    assert inquiry.account.trades == ()
    kraken.clock.forward(6)
    await inquiry.orders([order.id])
    assert [len(known.trade_ids) for known in inquiry.account.orders] == [1]


async def test_what_was_read_stays_when_the_next_call_fails(kraken: AskedAccount) -> None:
    order = kraken.trade(Side.BUY, 1)
    inquiry = kraken.inquiry()
    await inquiry.orders([order.id])
    kraken.faults.on(FaultName.KRAKEN_UNAVAILABLE)
    with pytest.raises(KrakenError):
        await inquiry.look()
    assert [known.txid for known in inquiry.account.orders] == [order.id]
