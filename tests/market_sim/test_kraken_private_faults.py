"""What can happen to the messages of an account: lost, late, twice, too early, cut off."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from market_sim.faults import FaultName, Where
from market_sim.kraken_auth import TOKEN_LIFE
from market_sim.kraken_server import KrakenSettings
from tests.market_sim.clients import StreamClient
from tests.market_sim.kraken import BUY, LOW, Session, eventually, trading


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    async with trading(KrakenSettings(refresh_hz=0.001)) as session:
        yield session


async def told(session: Session, heartbeats: bool = False) -> list[Any]:
    """Return everything that was sent up to now."""
    await session.stream.send({"event": "ping"})
    messages = []
    while (message := await session.stream.read(heartbeats=heartbeats)) != {"event": "pong"}:
        messages.append(message)
    return messages


def sequences(messages: list[Any]) -> list[int]:
    return [message[2]["sequence"] for message in messages]


async def test_a_lost_fill_leaves_no_gap_and_a_gap_shows_a_loss(session: Session) -> None:
    await session.listen("ownTrades")
    session.kraken.faults.on(FaultName.KRAKEN_LOST_FILL, remaining=1, only=Where(side="buy"))
    await session.place(**BUY)
    assert await told(session) == []
    await session.place(**BUY)
    assert sequences(await told(session)) == [2]
    session.kraken.faults.on(FaultName.KRAKEN_SEQUENCE_GAP, remaining=1)
    await session.place(**BUY)
    assert await told(session) == []
    await session.place(**BUY)
    assert sequences(await told(session)) == [4]
    assert len(session.exchange.trades) == 4


async def test_a_late_fill_is_told_when_it_is_time(session: Session) -> None:
    await session.listen("ownTrades")
    session.kraken.faults.on(FaultName.KRAKEN_LATE_FILL, amount=8, remaining=1)
    await session.place(**BUY)
    await session.place(**BUY)
    first, second = session.exchange.trades
    [[[sooner], _, _]] = await told(session)
    assert list(sooner) == [second.id]
    session.pass_time(7.9)
    assert await told(session) == []
    session.pass_time(0.1)
    [[[later], _, _]] = await told(session)
    assert list(later) == [first.id]


async def test_a_fill_is_told_twice(session: Session) -> None:
    await session.listen("ownTrades")
    session.kraken.faults.on(FaultName.KRAKEN_FILL_TWICE, remaining=1)
    await session.place(**BUY)
    first, second = await told(session)
    assert first[0] == second[0]
    assert sequences([first, second]) == [2, 3]


async def test_a_fill_is_told_before_the_order_s_answer(session: Session) -> None:
    await session.listen("ownTrades")
    session.kraken.faults.on(FaultName.KRAKEN_EARLY_FILL, remaining=1)
    answer = asyncio.create_task(session.rest.call("AddOrder", **BUY))
    [fills], _, _ = await session.stream.read()
    assert not answer.done()
    session.pass_time(0.5)
    [txid] = (await answer)["result"]["txid"]
    assert [fill["ordertxid"] for fill in fills.values()] == [txid]


async def test_order_updates_are_lost_or_late(session: Session) -> None:
    await session.listen("openOrders")
    session.kraken.faults.on(FaultName.KRAKEN_LOST_ORDER_UPDATE, remaining=1)
    session.kraken.faults.on(FaultName.KRAKEN_LATE_ORDER_UPDATE, amount=3, remaining=1)
    txid = await session.place(**BUY)
    filled, closed = [message[0][0][txid] for message in await told(session)]
    assert (filled.get("status"), closed["status"]) == (None, "closed")
    session.pass_time(3)
    [[[late], _, _]] = await told(session)
    assert late[txid]["status"] == "open"


async def test_a_silent_stream_still_beats(session: Session) -> None:
    await session.listen("openOrders")
    session.kraken.faults.on(FaultName.KRAKEN_PRIVATE_SILENCE, for_s=10)
    await session.place(**BUY)
    await told(session)
    session.kraken._stream.beat()
    assert await told(session, heartbeats=True) == [{"event": "heartbeat"}]
    session.clock.forward(10)
    await session.place(**LOW)
    assert sequences(await told(session)) == [2, 3]


async def test_a_token_opens_a_subscription_for_a_quarter_of_an_hour(session: Session) -> None:
    token = (await session.rest.result("GetWebSocketsToken"))["token"]
    [status] = await session.stream.subscribe("ownTrades", [], token=token)
    assert status["status"] == "subscribed"
    await session.stream.read()
    session.clock.forward(TOKEN_LIFE / timedelta(seconds=1))
    [status] = await session.stream.subscribe("openOrders", [], token=token)
    assert status["errorMessage"] == "ESession:Invalid session"
    await session.place(**BUY)
    assert sequences(await told(session)) == [2]
    fresh = (await session.rest.result("GetWebSocketsToken"))["token"]
    session.kraken.faults.on(FaultName.KRAKEN_TOKEN_EXPIRED, remaining=1)
    for expected in ("error", "subscribed"):
        [status] = await session.stream.subscribe("openOrders", [], token=fresh)
        assert status["status"] == expected


async def test_a_private_connection_is_cut_and_comes_back(session: Session) -> None:
    await session.listen("ownTrades")
    session.kraken.faults.on(FaultName.KRAKEN_PRIVATE_DROP, remaining=1)
    session.pass_time(1)
    with pytest.raises(TypeError):  # the message that says that there are no more
        await session.stream.read()
    async with StreamClient(session.private_url) as again:
        assert (await again.read())["status"] == "online"
        session.pass_time(1)
        await again.send({"event": "ping"})
        assert await again.read() == {"event": "pong"}


async def test_private_connections_are_refused_for_a_while_and_public_ones_are_not(
    session: Session,
) -> None:
    await session.stream.subscribe("trade", ["XBT/USD"])
    session.kraken.faults.on(FaultName.KRAKEN_PRIVATE_DOWN, for_s=30)
    with pytest.raises(WSServerHandshakeError):
        async with StreamClient(session.private_url):
            pass
    session.pass_time(29)
    await told(session)
    session.pass_time(1)
    async with StreamClient(session.private_url) as again:
        assert (await again.read())["status"] == "online"


async def test_a_private_subscription_at_the_public_address_is_refused_too(
    session: Session,
) -> None:
    token = (await session.rest.result("GetWebSocketsToken"))["token"]
    session.kraken.faults.on(FaultName.KRAKEN_PRIVATE_DOWN, for_s=30)
    with pytest.raises(TypeError):
        await session.stream.subscribe("ownTrades", [], token=token)
    await eventually(lambda: not session.kraken._stream._clients)
