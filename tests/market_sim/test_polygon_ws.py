"""The Polygon stand-in's stream, heard by the vendor's own client."""

import asyncio
from datetime import timedelta

import pytest
from aiohttp import ClientSession, WSMsgType
from polygon.exceptions import AuthError
from websockets.exceptions import ConnectionClosedError

from market_sim.faults import FaultName
from tests.market_sim.listener import Listener, listening
from tests.market_sim.markets import START
from tests.market_sim.vendor import (
    HISTORY_BARS,
    KEY,
    LIVE_BARS,
    Vendor,
    seeded_market,
    selling,
)

START_MS = int(START.timestamp()) * 1000


async def test_the_handshake_is_the_vendors(vendor: Vendor) -> None:
    url = vendor.url + "/crypto"
    async with ClientSession() as session, session.ws_connect(url) as socket:
        greeting = await socket.receive_json()
        await socket.send_json({"action": "auth", "params": KEY})
        accepted = await socket.receive_json()
        await socket.send_json({"action": "subscribe", "params": "XAS.BTC-USD,XT.BTC-USD"})
        confirmed = [await socket.receive_json() for _ in range(2)]
    assert [event["status"] for event in greeting + accepted] == ["connected", "auth_success"]
    assert [event["status"] for frame in confirmed for event in frame] == ["success", "success"]


async def test_a_wrong_key_is_refused(vendor: Vendor) -> None:
    with pytest.raises(AuthError, match="authentication failed"):
        await Listener(vendor, ("XAS.BTC-USD",), key="wrong").listen()


async def test_a_command_that_is_none_is_answered_with_an_error(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD") as listener:
        assert listener.client.websocket is not None
        for nonsense in ("{", "[]", '{"action": "subscribe"}'):
            await listener.client.websocket.send(nonsense)
            assert (await listener.next())["status"] == "error"


async def test_a_bar_has_the_fields_of_the_vendor(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD") as listener:
        await vendor.publish()
        heard = await listener.next()
    true = vendor.market.bar("BTC-USD", HISTORY_BARS)
    assert true is not None
    assert heard == {
        "ev": "XAS",
        "pair": "BTC-USD",
        "o": true.open,
        "h": true.high,
        "l": true.low,
        "c": true.close,
        "v": true.volume,
        "vw": true.vwap,
        "z": int(true.volume / true.transactions),
        "s": START_MS,
        "e": START_MS + 1000,
    }


async def test_minute_bars_are_another_event() -> None:
    async with (
        selling(seeded_market(bar_seconds=60)) as vendor,
        listening(vendor, "XA.BTC-USD") as listener,
    ):
        await vendor.publish()
        heard = await listener.next()
    assert (heard["ev"], heard["e"] - heard["s"]) == ("XA", 60_000)


async def test_only_what_was_subscribed_is_sent(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.ETH-USD") as listener:
        await vendor.publish(3)
        heard = await listener.some(3)
    assert {event["pair"] for event in heard} == {"ETH-USD"}
    assert [event["s"] for event in heard] == [START_MS + 1000 * step for step in range(3)]


async def test_a_star_is_every_coin(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.*") as listener:
        await vendor.publish()
        assert {event["pair"] for event in await listener.some(2)} == {"BTC-USD", "ETH-USD"}


async def test_what_was_unsubscribed_is_not_sent(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD", "XAS.ETH-USD") as listener:
        listener.client.unsubscribe("XAS.BTC-USD")
        assert (await listener.next())["message"] == "unsubscribed to: XAS.BTC-USD"
        await vendor.publish()
        assert (await listener.next())["pair"] == "ETH-USD"


async def test_trades_are_sent_too(vendor: Vendor) -> None:
    async with listening(vendor, "XT.BTC-USD") as listener:
        await vendor.publish()
        trade = await listener.next()
    bar = vendor.market.bar("BTC-USD", HISTORY_BARS)
    assert bar is not None
    assert (trade["ev"], trade["pair"], trade["p"]) == ("XT", "BTC-USD", bar.close)
    assert START_MS <= trade["t"] < START_MS + 1000
    assert {"s", "c", "i", "x", "r"} <= trade.keys()


async def test_missed_bars_are_never_sent_again(vendor: Vendor) -> None:
    await vendor.publish(2)
    async with listening(vendor, "XAS.BTC-USD") as listener:
        await vendor.publish()
        assert (await listener.next())["s"] == START_MS + 2000


async def test_a_dropped_connection_ends_without_a_goodbye(vendor: Vendor) -> None:
    listener = Listener(vendor, ("XAS.BTC-USD",))
    task = asyncio.create_task(listener.listen())
    await listener.next()
    vendor.faults.on(FaultName.STREAM_DROP, remaining=1)
    await vendor.publish()
    with pytest.raises(ConnectionClosedError):
        await task
    async with listening(vendor, "XAS.BTC-USD") as again:
        await vendor.publish()
        assert (await again.next())["s"] == START_MS + 1000


async def test_a_silent_stream_stays_connected(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD") as listener:
        vendor.faults.on(FaultName.STREAM_SILENCE, remaining=2)
        await vendor.publish(3)
        assert (await listener.next())["s"] == START_MS + 2000


async def test_a_bar_can_come_twice(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD") as listener:
        vendor.faults.on(FaultName.STREAM_DUPLICATE_BAR, remaining=1)
        await vendor.publish(2)
        heard = [event["s"] - START_MS for event in await listener.some(3)]
    assert heard == [0, 0, 1000]


async def test_a_bar_can_come_after_its_successor(vendor: Vendor) -> None:
    async with listening(vendor, "XAS.BTC-USD") as listener:
        vendor.faults.on(FaultName.STREAM_LATE_BAR, remaining=1)
        await vendor.publish(2)
        heard = [event["s"] - START_MS for event in await listener.some(2)]
    assert heard == [1000, 0]


async def test_bars_are_sent_at_their_end_until_there_are_none(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    # The clock already stands behind the last bar but one, so nothing is waited for.
    vendor.forward(LIVE_BARS - 2)
    step = vendor.market.step_at(vendor.clock.now)
    async with listening(vendor, "XAS.BTC-USD") as listener:
        sending = asyncio.create_task(vendor.stream.publish_live())
        await asyncio.sleep(0)
        vendor.forward(2)
        heard = [event["s"] for event in await listener.some(2)]
        await sending
    ends = vendor.market.start_of(step)
    assert heard == [round((ends + timedelta(seconds=x)).timestamp() * 1000) for x in range(2)]
    assert "no more bars" in caplog.text


async def test_the_stream_says_goodbye_to_those_who_never_authenticated(vendor: Vendor) -> None:
    url = vendor.url + "/crypto"
    async with ClientSession() as session, session.ws_connect(url) as socket:
        await socket.receive()
        closing = asyncio.create_task(vendor.stream.close())
        assert (await socket.receive()).type is WSMsgType.CLOSE
        await closing
