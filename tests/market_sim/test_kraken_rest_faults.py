"""What can happen to a call on its way to Kraken and back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import ClientConnectionError, ContentTypeError

from market_sim.faults import FaultName, Where
from market_sim.kraken_server import KrakenSettings
from tests.market_sim.kraken import BUY, LOW, SELL, Session, eventually, trading

ADD = Where(method="AddOrder")
SETTINGS = KrakenSettings(refresh_hz=0.001)


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(SETTINGS) as session:
        yield session


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (FaultName.KRAKEN_INVALID_NONCE, "EAPI:Invalid nonce"),
        (FaultName.KRAKEN_RATE_LIMIT, "EAPI:Rate limit exceeded"),
        (FaultName.KRAKEN_THROTTLED, "EService: Throttled: 1767614402"),
        (FaultName.KRAKEN_LOCKOUT, "EGeneral:Temporary lockout"),
        (FaultName.KRAKEN_UNAVAILABLE, "EService:Unavailable"),
        (FaultName.KRAKEN_BUSY, "EService:Busy"),
        (FaultName.KRAKEN_INTERNAL_ERROR, "EGeneral:Internal error"),
        (FaultName.KRAKEN_INSUFFICIENT_FUNDS, "EOrder:Insufficient funds"),
        (FaultName.KRAKEN_ORDER_RATE_LIMIT, "EOrder:Rate limit exceeded"),
        (FaultName.KRAKEN_CANCEL_ONLY, "EService:Market in cancel_only mode"),
        (FaultName.KRAKEN_POST_ONLY, "EService:Market in post_only mode"),
    ],
)
async def test_an_order_is_refused_once_and_taken_the_next_time(
    session: Session, name: FaultName, error: str
) -> None:
    session.kraken.faults.on(name, remaining=1, only=ADD)
    assert "BTC" not in await session.rest.result("Balance")
    assert await session.rest.refusal("AddOrder", **BUY) == error
    assert session.exchange.orders == {}
    assert session.kraken.faults.happened == {name: 1}
    await session.place(**BUY)
    assert len(session.exchange.trades) == 1


@pytest.mark.parametrize("status", [None, 502, 504])
async def test_a_gateway_s_error_hides_an_order_that_was_accepted_or_was_not(
    session: Session, status: int | None
) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_PRIVATE_5XX, remaining=1, amount=status, only=ADD)
    assert await session.rest.call("AddOrder", **BUY) == (status or 520)
    assert session.exchange.orders == {}
    session.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_520, remaining=1, amount=status)
    await session.rest.result("Balance")
    assert await session.rest.refusal("AddOrder", **{**BUY, "volume": "9"})
    assert await session.rest.call("AddOrder", **BUY, userref="7") == (status or 520)
    [order] = session.exchange.orders.values()
    assert order.wanted.userref == 7


async def test_a_connection_is_cut_before_or_after_an_order_is_accepted(session: Session) -> None:
    for name, orders in ((FaultName.KRAKEN_CUT, 0), (FaultName.KRAKEN_ACCEPTED_CUT, 1)):
        session.kraken.faults.on(name, remaining=1, only=ADD)
        with pytest.raises(ClientConnectionError):
            await session.rest.call("AddOrder", **BUY)
        assert len(session.exchange.orders) == orders


async def test_an_accepted_order_can_be_answered_with_an_error_a_page_or_half_an_answer(
    session: Session,
) -> None:
    faults = session.kraken.faults
    faults.on(FaultName.KRAKEN_ACCEPTED_ERROR, remaining=1)
    assert await session.rest.refusal("AddOrder", **BUY) == "EGeneral:Internal error"
    faults.on(FaultName.KRAKEN_HTML_ANSWER, remaining=1)
    with pytest.raises(ContentTypeError):
        await session.rest.call("AddOrder", **BUY)
    faults.on(FaultName.KRAKEN_TRUNCATED_ANSWER, remaining=1)
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        await session.rest.call("AddOrder", **BUY)
    assert len(session.exchange.orders) == 3


async def test_a_cancellation_s_answer_is_lost_where_it_is_asked_for(session: Session) -> None:
    txid = await session.place(**LOW)
    session.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_520, only=Where(method="CancelOrder"))
    assert await session.rest.call("CancelOrder", txid=txid) == 520
    assert not session.exchange.orders[txid].live


async def test_an_answer_waits_and_the_order_does_not(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_SLOW_ANSWER, amount=3, remaining=1, only=ADD)
    answer = asyncio.create_task(session.rest.call("AddOrder", **BUY))
    await eventually(lambda: bool(session.exchange.trades))
    session.pass_time(2.9)
    await asyncio.sleep(0.01)
    assert not answer.done()
    session.pass_time(0.1)
    assert (await answer)["error"] == []


async def test_an_order_that_arrives_after_its_deadline_is_refused(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_SLOW_REQUEST, amount=6, remaining=1, only=ADD)
    latest = (session.clock() + timedelta(seconds=5)).isoformat().replace("+00:00", "Z")
    answer = asyncio.create_task(session.rest.refusal("AddOrder", **BUY, deadline=latest))
    await eventually(lambda: bool(session.kraken.faults.happened))
    session.pass_time(6)
    assert await answer == "EService:Deadline elapsed"
    assert session.exchange.orders == {}


async def test_an_order_can_be_accepted_after_its_answer_was_lost(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_ACCEPTED_LATE, amount=3, remaining=2)
    until = (session.clock() + timedelta(seconds=5)).isoformat()
    assert await session.rest.call("AddOrder", **BUY, deadline=until, userref="7") == 504
    assert (await session.rest.result("OpenOrders", userref="7"))["open"] == {}
    session.pass_time(3)
    await eventually(lambda: bool(session.exchange.trades))
    assert await session.rest.call("AddOrder", **BUY, deadline=until, userref="8") == 504
    session.pass_time(3)
    await asyncio.sleep(0.1)
    assert [order.wanted.userref for order in session.exchange.orders.values()] == [7]


async def test_a_deadline_is_a_moment_within_a_minute(session: Session) -> None:
    soon, late = (session.clock() + timedelta(seconds=s) for s in (5, 61))
    await session.place(**BUY, deadline=soon.isoformat())
    for text in (late.isoformat(), "soon", soon.replace(tzinfo=None).isoformat()):
        refusal = await session.rest.refusal("AddOrder", **BUY, deadline=text)
        assert refusal == "EGeneral:Invalid arguments:deadline"


async def test_public_calls_fail_too(session: Session) -> None:
    faults = session.kraken.faults
    faults.on(FaultName.KRAKEN_TOO_MANY_REQUESTS, remaining=1, only=Where(method="Ticker"))
    assert (await session.rest.ask("Time"))["error"] == []
    assert (await session.rest.ask("Ticker"))["error"] == ["EGeneral:Too many requests"]
    faults.on(FaultName.KRAKEN_PUBLIC_5XX, remaining=1)
    await session.rest.result("Balance")
    with pytest.raises(ContentTypeError):
        await session.rest.ask("Time")


async def test_a_closed_exchange_answers_nothing_but_its_status(session: Session) -> None:
    txid = await session.place(**{**LOW, "price": "59900"})
    session.kraken.faults.on(FaultName.KRAKEN_MAINTENANCE, for_s=60)
    session.pass_time(1, share=-0.1)
    assert session.exchange.orders[txid].filled == 0
    assert await session.rest.refusal("Balance") == "EService:Unavailable"
    assert (await session.rest.ask("Ticker"))["error"] == ["EService:Unavailable"]
    assert (await session.rest.ask("SystemStatus"))["result"]["status"] == "maintenance"
    assert (await session.rest.ask("Time"))["error"] == []
    session.pass_time(59)
    assert session.exchange.orders[txid].filled > 0
    assert (await session.rest.ask("SystemStatus"))["result"]["status"] == "online"


async def test_a_closed_exchange_can_be_a_gateway_s_503(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_MAINTENANCE, amount=503)
    assert await session.rest.call("Balance") == 503


async def test_orders_may_be_cancelled_when_none_is_taken(session: Session) -> None:
    txid = await session.place(**LOW)
    session.kraken.faults.on(FaultName.KRAKEN_CANCEL_ONLY)
    assert (await session.rest.ask("SystemStatus"))["result"]["status"] == "cancel_only"
    assert await session.rest.result("CancelOrder", txid=txid) == {"count": 1}
    session.kraken.faults.off(FaultName.KRAKEN_CANCEL_ONLY)
    session.kraken.faults.on(FaultName.KRAKEN_POST_ONLY)
    assert await session.rest.refusal("AddOrder", **LOW)
    await session.place(**LOW, oflags="post")


async def test_one_pair_can_be_closed(session: Session) -> None:
    session.kraken.faults.on(FaultName.KRAKEN_CANCEL_ONLY, only=Where(symbol="BTC-USD"))
    pairs = (await session.rest.ask("AssetPairs"))["result"]
    found = {pair["wsname"]: pair["status"] for pair in pairs.values()}
    assert (found["XBT/USD"], found["ETH/USD"]) == ("cancel_only", "online")
    assert (await session.rest.ask("SystemStatus"))["result"]["status"] == "online"
    assert await session.rest.refusal("AddOrder", **BUY)
    await session.place(**{**BUY, "pair": "XETHZUSD"})


async def test_a_fault_can_be_for_one_side_of_one_coin(session: Session) -> None:
    await session.place(**BUY)
    only = Where(symbol="BTC-USD", side="sell")
    session.kraken.faults.on(FaultName.KRAKEN_BUSY, only=only)
    await session.place(**BUY)
    await session.place(**{**BUY, "pair": "XETHZUSD"})
    assert await session.rest.refusal("AddOrder", **SELL) == "EService:Busy"
