"""What the engine and the ledger can do to an order: reject it late, fill it slowly or in part."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from market_sim.faults import FaultName, Where
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import OrderStatus
from market_sim.kraken_server import KrakenSettings
from tests.market_sim.kraken import BUY, LOW, SELL, STOP, Session, trading

SIZE = Decimal("0.01")
START = {"ZUSD": Decimal(10_000), "XXBT": Decimal("0.02")}


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(KrakenSettings(refresh_hz=0.001, balances=START)) as session:
        yield session


def check_ledger(exchange: Exchange) -> None:
    expected = dict(START)
    for trade in exchange.trades:
        sign = 1 if trade.wanted.buy else -1
        expected["XXBT"] += sign * trade.size
        expected["ZUSD"] -= sign * trade.cost + trade.fee
    assert exchange.balances == expected


async def test_an_order_is_rejected_after_it_was_accepted(session: Session) -> None:
    await session.listen("openOrders")
    session.kraken.faults.on(FaultName.KRAKEN_REJECTED_LATE, remaining=1)
    txid = await session.place(**BUY)
    new, ended = [(await session.stream.read())[0][0][txid] for _ in range(2)]
    assert (new["status"], ended["status"]) == ("pending", "canceled")
    assert session.exchange.trades == []
    assert session.exchange.available("ZUSD") == START["ZUSD"]


async def test_an_order_is_rejected_some_seconds_after_it_was_accepted(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_REJECTED_LATE, amount=2, remaining=1)
    txid = await session.place(**BUY)
    session.pass_time(1.9)
    assert session.exchange.orders[txid].status is OrderStatus.OPEN
    session.pass_time(0.1)
    assert session.exchange.orders[txid].status is OrderStatus.CANCELED
    assert session.exchange.trades == []


async def test_a_market_order_can_take_its_time(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_SLOW_FILL, amount=7, remaining=1)
    txid = await session.place(**BUY)
    session.pass_time(6.9)
    assert session.exchange.orders[txid].status is OrderStatus.OPEN
    session.pass_time(0.1)
    assert session.exchange.orders[txid].status is OrderStatus.CLOSED


async def test_an_order_fills_in_part_and_rests_until_the_fault_is_over(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_PARTIAL_FILL, amount=0.3, remaining=1)
    txid = await session.place(**BUY)
    session.pass_time(60)
    order = session.exchange.orders[txid]
    assert (order.status, order.filled) == (OrderStatus.OPEN, SIZE * Decimal("0.3"))
    session.kraken.faults.off(FaultName.KRAKEN_PARTIAL_FILL)
    session.pass_time(1)
    assert (order.status, order.filled) == (OrderStatus.CLOSED, SIZE)
    check_ledger(session.exchange)


async def test_an_order_fills_in_part_and_the_rest_is_cancelled(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_REMAINDER_CANCELED, amount=0.3, remaining=1)
    txid = await session.place(**BUY)
    order = session.exchange.orders[txid]
    assert (order.status, order.filled) == (OrderStatus.CANCELED, SIZE * Decimal("0.3"))
    queried = (await session.rest.result("QueryOrders", txid=txid))[txid]
    assert (queried["status"], queried["vol_exec"]) == ("canceled", "0.00300000")
    check_ledger(session.exchange)


async def test_a_book_is_thin_for_one_side_of_one_coin(session: Session) -> None:
    only = Where(symbol="BTC-USD", side="sell")
    session.kraken.faults.on(FaultName.KRAKEN_THIN_BOOK, amount=1e-4, for_s=30, only=only)
    session.pass_time(1)
    sold, bought = await session.place(**SELL), await session.place(**BUY)
    orders = session.exchange.orders
    assert orders[bought].status is OrderStatus.CLOSED
    assert 0 < orders[sold].filled < SIZE
    assert orders[sold].status is OrderStatus.OPEN
    session.pass_time(30)
    assert orders[sold].status is OrderStatus.CLOSED
    check_ledger(session.exchange)


async def test_an_immediate_order_s_remainder_is_cancelled(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_THIN_BOOK, amount=1e-4)
    session.pass_time(1)
    txid = await session.place(**{**LOW, "price": "60100"}, timeinforce="IOC")
    order = session.exchange.orders[txid]
    assert order.status is OrderStatus.CANCELED
    assert 0 < order.filled < SIZE


async def test_an_order_expires(session: Session) -> None:
    txid = await session.place(**LOW, timeinforce="GTD", expiretm="+10")
    session.pass_time(10)
    closed = (await session.rest.result("ClosedOrders"))["closed"][txid]
    assert closed["status"] == "expired"


async def test_a_stop_locks_its_coins_and_sells_at_market_when_the_price_comes(
    session: Session,
) -> None:
    txid = await session.place(**STOP, userref="9")
    shown = (await session.rest.result("OpenOrders"))["open"][txid]
    assert shown["descr"]["order"] == "sell 0.01000000 XBTUSD @ stop loss 57000.0"
    assert (shown["descr"]["ordertype"], shown["stopprice"]) == ("stop-loss", "57000.00000")
    assert session.exchange.available("XXBT") == START["XXBT"] - SIZE
    refusal = await session.rest.refusal("AddOrder", **{**SELL, "volume": "0.02"})
    assert refusal == "EOrder:Insufficient funds"
    session.pass_time(1, share=-0.04)
    assert session.exchange.orders[txid].status is OrderStatus.OPEN
    session.pass_time(1, share=-0.06)
    [trade] = session.exchange.trades
    assert trade.price < 57_000
    assert trade.order_id == txid
    assert session.exchange.orders[txid].status is OrderStatus.CLOSED
    check_ledger(session.exchange)


async def test_a_stop_that_was_triggered_goes_on_selling_when_the_price_is_back(
    session: Session,
) -> None:
    txid = await session.place(**STOP)
    session.kraken.faults.on(FaultName.KRAKEN_SLOW_FILL)
    session.kraken.faults.on(FaultName.KRAKEN_THIN_BOOK, amount=1e-4, for_s=5)
    session.kraken.faults.on(FaultName.KRAKEN_FLASH_CRASH, amount=-0.06, for_s=5)
    session.pass_time(1)
    order = session.exchange.orders[txid]
    assert 0 < order.filled < SIZE
    session.pass_time(5)
    assert order.status is OrderStatus.CLOSED
    assert (await session.rest.result("QueryOrders", txid=txid))[txid]["misc"] == "stopped"
    check_ledger(session.exchange)


async def test_a_stop_can_be_cancelled_and_frees_its_coins(session: Session) -> None:
    txid = await session.place(**STOP)
    assert await session.rest.result("CancelOrder", txid=txid) == {"count": 1}
    assert session.exchange.available("XXBT") == START["XXBT"]
    assert await session.rest.refusal("CancelOrder", txid=txid) == "EOrder:Unknown order"


async def test_a_new_order_is_not_known_at_once(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_HIDDEN_ORDER, amount=4, remaining=1)
    txid = await session.place(**LOW, userref="7")
    assert (await session.rest.result("OpenOrders", userref="7"))["open"] == {}
    assert await session.rest.refusal("QueryOrders", txid=txid) == "EOrder:Unknown order"
    session.pass_time(4)
    assert (await session.rest.result("OpenOrders", userref="7"))["open"].keys() == {txid}


async def test_a_cancellation_takes_its_time_and_the_order_may_fill_meanwhile(
    session: Session,
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_SLOW_CANCEL, amount=4)
    first, second = await session.place(**LOW), await session.place(**STOP)
    for txid in (first, second):
        answer = await session.rest.result("CancelOrder", txid=txid)
        assert answer == {"count": 1, "pending": True}
    session.pass_time(1, share=-0.06)
    orders = session.exchange.orders
    assert [orders[txid].status.value for txid in (first, second)] == ["open", "closed"]
    session.pass_time(3)
    assert orders[first].status is OrderStatus.CANCELED


async def test_a_cancellation_comes_too_late(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_FILLED_INSTEAD, only=Where(order_type="stop-loss"))
    low, stop = await session.place(**LOW), await session.place(**STOP)
    assert await session.rest.result("CancelOrder", txid=low) == {"count": 1}
    assert await session.rest.refusal("CancelOrder", txid=stop) == "EOrder:Unknown order"
    assert session.exchange.orders[stop].status is OrderStatus.CLOSED
    check_ledger(session.exchange)


async def test_each_step_of_an_order_can_be_watched(session: Session) -> None:
    steps: list[tuple[int, str, Decimal]] = []
    session.exchange.listeners.watchers.append(
        lambda order, step: steps.append((order.wanted.userref, step.value, order.filled))
    )
    await session.place(**BUY, userref="4")
    assert steps == [
        (4, "accepted", Decimal(0)),
        (4, "new", Decimal(0)),
        (4, "open", Decimal(0)),
        (4, "fill", SIZE),
        (4, "closed", SIZE),
    ]


async def test_balances_lag_behind_the_trades(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_BALANCE_LAG, amount=10)
    await session.place(**BUY)
    before = await session.rest.result("Balance")
    assert {a: Decimal(text) for a, text in before.items()} == START
    session.pass_time(10)
    after = await session.rest.result("Balance")
    assert {a: Decimal(text) for a, text in after.items()} == session.exchange.balances


async def test_the_history_lags_behind_the_trades(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=10)
    txid = await session.place(**BUY)
    [trade] = session.exchange.trades
    asked = {"txid": txid, "trades": "true"}
    found = (await session.rest.result("QueryOrders", **asked))[txid]
    assert (found["status"], found["trades"]) == ("closed", [])
    assert await session.rest.refusal("QueryTrades", txid=trade.id) == "EOrder:Invalid order"
    session.pass_time(10)
    assert (await session.rest.result("QueryOrders", **asked))[txid]["trades"] == [trade.id]


async def test_a_part_of_each_balance_earns_and_can_be_traded_all_the_same(
    session: Session,
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_EARN_BALANCE, amount=0.95)
    listed = await session.rest.result("Balance")
    assert {asset: Decimal(text) for asset, text in listed.items()} == {
        "ZUSD": 500,
        "USD.F": 9_500,
        "XXBT": Decimal("0.001"),
        "XBT.F": Decimal("0.019"),
    }
    await session.place(**{**BUY, "volume": "0.1"})
    await session.place(**SELL)
    check_ledger(session.exchange)


async def test_what_is_held_is_listed(session: Session) -> None:
    await session.place(**STOP)
    extended = await session.rest.result("BalanceEx")
    assert Decimal(extended["XXBT"]["hold_trade"]) == SIZE
    assert Decimal(extended["ZUSD"]["hold_trade"]) == 0
