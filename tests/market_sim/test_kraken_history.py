"""What an account reads of its past: pages, filters and limits."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from market_sim.faults import FaultName, Where
from market_sim.kraken_limits import Tier
from market_sim.kraken_orders import NewOrder, OrderType, Side
from market_sim.kraken_server import KrakenSettings
from tests.market_sim.kraken import BUY, LOW, Session, trading


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(KrakenSettings(refresh_hz=0.001)) as session:
        yield session


def place_many(session: Session, count: int) -> list[str]:
    """Place small orders, one a second, with the numbers from 1."""
    ids = []
    for number in range(1, count + 1):
        pair = session.exchange.pairs["ETH-USD"]
        small = NewOrder(pair, Side.BUY, OrderType.MARKET, Decimal("0.002"), userref=number)
        order = session.exchange.add(small)
        session.exchange.work(order)
        session.clock.forward(1)
        ids.append(order.id)
    return ids


async def test_the_past_comes_in_pages_of_fifty_the_latest_first(session: Session) -> None:
    ids = place_many(session, 120)
    first = await session.rest.result("ClosedOrders")
    assert (list(first["closed"]), first["count"]) == (ids[:-51:-1], 120)
    last = await session.rest.result("ClosedOrders", ofs="100")
    assert (list(last["closed"]), last["count"]) == (ids[19::-1], 120)
    trades = await session.rest.result("TradesHistory", ofs="50")
    assert trades["count"] == 120
    assert [trade["ordertxid"] for trade in trades["trades"].values()] == ids[69:19:-1]
    assert (await session.rest.result("TradesHistory", ofs="120"))["trades"] == {}


async def test_the_past_can_be_asked_for_by_time_number_and_order(session: Session) -> None:
    ids = place_many(session, 10)
    start = session.exchange.orders[ids[0]].opened_at.timestamp()
    window = {"start": str(start + 2), "end": str(start + 5)}
    found = await session.rest.result("ClosedOrders", **window)
    assert (list(found["closed"]), found["count"]) == (ids[5:2:-1], 3)
    assert list((await session.rest.result("ClosedOrders", start=ids[7]))["closed"]) == ids[:7:-1]
    assert (await session.rest.result("TradesHistory", **window))["count"] == 3
    assert list((await session.rest.result("ClosedOrders", userref="4"))["closed"]) == [ids[3]]


async def test_an_order_is_asked_for_with_its_trades(session: Session) -> None:
    txid = await session.place(**BUY, userref="3")
    waiting = await session.place(**LOW, userref="3")
    [trade] = session.exchange.trades
    found = await session.rest.result("QueryOrders", txid=f"{txid},{waiting}", trades="true")
    assert {name: order["trades"] for name, order in found.items()} == {
        txid: [trade.id],
        waiting: [],
    }
    closed = await session.rest.result("ClosedOrders", userref="3", trades="true")
    assert closed["closed"][txid]["trades"] == [trade.id]
    opened = await session.rest.result("OpenOrders", userref="3", trades="true")
    assert opened["open"][waiting]["trades"] == []
    assert "trades" not in (await session.rest.result("QueryOrders", txid=txid))[txid]
    asked = await session.rest.result("QueryTrades", txid=trade.id)
    assert asked[trade.id]["ordertxid"] == txid


async def test_more_ids_than_kraken_takes_are_refused(session: Session) -> None:
    orders = place_many(session, 51)
    trades = [trade.id for trade in session.exchange.trades]
    wrong = "EGeneral:Invalid arguments:txid"
    assert await session.rest.refusal("QueryOrders", txid=",".join(orders)) == wrong
    assert len(await session.rest.result("QueryOrders", txid=",".join(orders[1:]))) == 50
    assert await session.rest.refusal("QueryTrades", txid=",".join(trades[:21])) == wrong
    assert len(await session.rest.result("QueryTrades", txid=",".join(trades[:20]))) == 20
    assert await session.rest.refusal("QueryOrders", txid="O-NONE") == "EOrder:Unknown order"


async def test_what_is_not_listed_yet_cannot_be_asked_for_by_id_either(session: Session) -> None:
    txid = await session.place(**BUY, userref="3")
    [trade] = session.exchange.trades
    session.kraken.faults.on(FaultName.KRAKEN_HISTORY_LAG, amount=10)
    assert await session.rest.refusal("QueryTrades", txid=trade.id) == "EOrder:Invalid order"
    found = await session.rest.result("QueryOrders", txid=txid, trades="true")
    assert (found[txid]["trades"], found[txid]["vol_exec"]) == ([], "0.01000000")
    session.kraken.faults.on(FaultName.KRAKEN_HIDDEN_ORDER, amount=4, remaining=1)
    hidden = await session.place(**BUY, userref="4")
    assert await session.rest.refusal("QueryOrders", txid=hidden) == "EOrder:Unknown order"
    for method in ("OpenOrders", "ClosedOrders"):
        answer = await session.rest.result(method, userref="4", trades="true")
        assert answer.get("open", answer.get("closed")) == {}
    session.clock.forward(10)
    assert list(await session.rest.result("QueryTrades", txid=trade.id)) == [trade.id]
    assert list((await session.rest.result("ClosedOrders", userref="4"))["closed"]) == [hidden]


@pytest.mark.parametrize("method", ["OpenOrders", "QueryOrders", "QueryTrades", "ClosedOrders"])
async def test_a_question_by_id_or_number_fails_as_every_other(
    session: Session, method: str
) -> None:
    txid = await session.place(**BUY, userref="3")
    [trade] = session.exchange.trades
    given = {"QueryOrders": {"txid": txid}, "QueryTrades": {"txid": trade.id}}
    asked = given.get(method, {"userref": "3"})
    only = Where(method=method)
    session.kraken.faults.on(FaultName.KRAKEN_BUSY, remaining=1, only=only)
    assert await session.rest.refusal(method, **asked) == "EService:Busy"
    session.kraken.faults.on(FaultName.KRAKEN_INVALID_NONCE, remaining=1, only=only)
    assert await session.rest.refusal(method, **asked) == "EAPI:Invalid nonce"
    assert await session.rest.result(method, **asked)


async def test_a_refused_call_counts_too(session: Session) -> None:
    session.kraken.limits.tier = Tier.STARTER
    for _ in range(15):
        await session.rest.result("Balance")
    assert await session.rest.refusal("Balance") == "EAPI:Rate limit exceeded"
    session.clock.forward(3.1)
    assert await session.rest.refusal("Balance") == "EAPI:Rate limit exceeded"
    session.clock.forward(6.2)
    assert await session.rest.result("Balance")


async def test_two_orders_may_bear_one_number_but_not_one_name(session: Session) -> None:
    ids = {await session.place(**LOW, userref="7") for _ in range(2)}
    assert (await session.rest.result("OpenOrders", userref="7"))["open"].keys() == ids
    await session.place(**LOW, cl_ord_id="mine")
    refusal = await session.rest.refusal("AddOrder", **LOW, cl_ord_id="mine")
    assert refusal == "EGeneral:Invalid arguments:cl_ord_id"
    assert await session.rest.refusal("AddOrder", **LOW, cl_ord_id="other", userref="7")
    [named] = (await session.rest.result("OpenOrders", cl_ord_id="mine"))["open"].values()
    assert named["cl_ord_id"] == "mine"
    assert await session.rest.result("CancelOrder", cl_ord_id="mine") == {"count": 1}


async def test_an_order_that_is_only_checked_is_not_placed(session: Session) -> None:
    answer = await session.rest.result("AddOrder", **BUY, validate="true")
    assert answer == {"descr": {"order": "buy 0.01000000 XBTUSD @ market"}}
    too_much = {**BUY, "volume": "9"}
    assert await session.rest.refusal("AddOrder", **too_much, validate="true")
    assert session.exchange.orders == {}


@pytest.mark.parametrize("userref", ["2147483648", "-2147483649", "x"])
async def test_a_number_has_32_bits(session: Session, userref: str) -> None:
    refusal = await session.rest.refusal("AddOrder", **BUY, userref=userref)
    assert refusal == "EGeneral:Invalid arguments:userref"


async def test_a_starter_may_call_fifteen_times_and_then_one_in_three_seconds(
    session: Session,
) -> None:
    session.kraken.limits.tier = Tier.STARTER
    for _ in range(11):
        await session.rest.result("Balance")
    for _ in range(2):
        await session.rest.result("TradesHistory")
    assert await session.rest.refusal("Balance") == "EAPI:Rate limit exceeded"
    await session.place(**BUY)
    session.clock.forward(7)
    await session.rest.result("Balance")
    assert await session.rest.refusal("Balance") == "EAPI:Rate limit exceeded"


async def test_a_starter_may_change_orders_so_often_by_pair(session: Session) -> None:
    session.kraken.limits.tier = Tier.STARTER
    for _ in range(6):
        await session.rest.result("CancelOrder", txid=await session.place(**LOW))
    for _ in range(6):
        txid = await session.place(**LOW)
    assert await session.rest.refusal("AddOrder", **LOW) == "EOrder:Rate limit exceeded"
    assert await session.rest.refusal("CancelOrder", txid=txid) == "EOrder:Rate limit exceeded"
    await session.place(**{**LOW, "pair": "XETHZUSD", "price": "2500"})
    session.clock.forward(60)
    await session.rest.result("CancelOrder", txid=txid)


async def test_so_many_orders_may_be_open(session: Session) -> None:
    session.kraken.limits.tier = Tier.STARTER
    order = {**LOW, "volume": "0.001", "price": "1000"}
    for _ in range(60):
        session.clock.forward(1)
        await session.place(**order)
    session.clock.forward(1)
    assert await session.rest.refusal("AddOrder", **order) == "EOrder:Orders limit exceeded"
