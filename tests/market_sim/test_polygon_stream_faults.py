"""What each fault of the Polygon stand-in's stream does to the vendor's own clients."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from polygon.exceptions import AuthError
from websockets.exceptions import ConnectionClosedError

from market_sim.faults import FaultName, Where
from market_sim.polygon_events import bar_event
from tests.market_sim.listener import CLIENTS, Event, Listener, listening
from tests.market_sim.markets import START
from tests.market_sim.vendor import HISTORY_BARS, Vendor

START_MS = int(START.timestamp()) * 1000
TOPIC = "XAS.BTC-USD"
F = FaultName


def true_bar(vendor: Vendor, step: int) -> Event:
    bar = vendor.market.bar("BTC-USD", HISTORY_BARS + step)
    assert bar is not None
    return bar_event(bar, 1)


def same(heard: Event, true: Event) -> bool:
    return heard == true


def changed(*names: str) -> Callable[[Event, Event], bool]:
    """Tell whether the bar of that time has other values there, and only there."""

    def judge(heard: Event, true: Event) -> bool:
        return {name for name in true if heard.get(name, true[name]) != true[name]} == set(names)

    return judge


PRICES = ("o", "h", "l", "c")
WRONG: dict[FaultName, Callable[[Event, Event], bool]] = {
    F.STREAM_MISSING_EVENT: lambda heard, true: heard | {"ev": "XAS"} == true,
    F.STREAM_NAN_BAR: changed("c"),
    F.STREAM_NULL_BAR: lambda heard, true: heard == true | {"c": None},
    F.STREAM_ZERO_BAR: changed(*PRICES),
    F.STREAM_NEGATIVE_BAR: lambda heard, true: heard["l"] == -true["l"],
    F.STREAM_INCONSISTENT_BAR: lambda heard, true: heard["h"] < true["l"],
    F.STREAM_SPIKED_BAR: lambda heard, true: heard["c"] == 3 * true["c"],
    F.STREAM_MISALIGNED_BAR: changed("s"),
    F.STREAM_REVISED_BAR: lambda heard, true: heard["v"] == true["v"] * 0.9,
}
"""Instead of a bar comes a wrong one."""


@pytest.mark.parametrize("fault", WRONG)
async def test_a_bar_is_wrong(vendor: Vendor, fault: FaultName) -> None:
    vendor.faults.on(fault, remaining=1, only=Where(symbol="BTC-USD"))
    async with listening(vendor, TOPIC) as listener:
        await vendor.publish(2)
        first, second = await listener.some(2)
    assert WRONG[fault](first, true_bar(vendor, 0))
    assert second == true_bar(vendor, 1)
    assert vendor.faults.happened == {fault: 1}


TWICE: dict[FaultName, Callable[[Event, Event], bool]] = {
    F.STREAM_DUPLICATE_BAR: same,
    F.STREAM_FUTURE_BAR: lambda heard, true: heard["s"] == true["s"] + 86_400_000,
    F.STREAM_ANCIENT_BAR: lambda heard, true: heard["s"] == true["s"] - 315_360_000_000,
    F.STREAM_UNKNOWN_EVENT: lambda heard, true: (heard["ev"], heard["s"]) == ("ZZ", true["s"]),
    F.STREAM_UNFINISHED_BAR: lambda heard, true: (
        heard["s"] == true["s"] + 1000 and heard["v"] > 0 and heard["ev"] == "XAS"
    ),
}
"""After a bar comes another that it would be wrong to use."""


@pytest.mark.parametrize("fault", TWICE)
async def test_after_a_bar_comes_one_too_many(vendor: Vendor, fault: FaultName) -> None:
    vendor.faults.on(fault, remaining=1)
    async with listening(vendor, TOPIC) as listener:
        await vendor.publish(2)
        first, odd, second = await listener.some(3)
    assert (first, second) == (true_bar(vendor, 0), true_bar(vendor, 1))
    assert TWICE[fault](odd, first)
    assert odd != second


ORDERS = {
    (F.STREAM_LATE_BAR, None): [1, 0, 2, 3],
    (F.STREAM_LATE_BAR, 2): [1, 2, 0, 3],
    (F.STREAM_REORDERED_FRAME, None): [1, 0, 2, 3],
    (F.STREAM_LOST_BAR, None): [1, 2, 3],
    (F.STREAM_SILENCE, None): [1, 2, 3],
    (F.STREAM_REVISED_BAR, 2): [0, 1, 2, 0, 3],
}


@pytest.mark.parametrize(("fault", "amount"), ORDERS)
async def test_bars_come_out_of_order_or_not_at_all(
    vendor: Vendor, fault: FaultName, amount: int | None
) -> None:
    vendor.faults.on(fault, remaining=1, amount=amount)
    wanted = ORDERS[fault, amount]
    async with listening(vendor, TOPIC) as listener:
        await vendor.publish(4)
        heard = await listener.some(len(wanted))
    assert [(event["s"] - START_MS) // 1000 for event in heard] == wanted
    assert heard[-1] == true_bar(vendor, 3)


async def test_rest_tells_the_early_values_until_the_revision(vendor: Vendor) -> None:
    true = vendor.market.bar("BTC-USD", HISTORY_BARS)
    assert true is not None
    vendor.faults.on(F.STREAM_REVISED_BAR, remaining=1, amount=2)
    async with listening(vendor, TOPIC):
        await vendor.publish(2)
        early = vendor.market.as_told(true)
        await vendor.publish()
    assert early != true
    assert vendor.stream.events.early == {("BTC-USD", true.start): early}
    assert vendor.market.as_told(true) == true


FRAMES: dict[FaultName, Callable[[Any], bool]] = {
    F.STREAM_BROKEN_JSON: lambda text: text.startswith('[{"ev": "XAS"') and text[-1] != "]",
    F.STREAM_OBJECT_FRAME: lambda text: isinstance(json.loads(text), dict),
    F.STREAM_HUGE_FRAME: lambda text: len(text) > 1_048_576 and json.loads(text)[0]["ev"] == "XAS",
}


@pytest.mark.parametrize("fault", FRAMES)
async def test_a_frame_is_none_that_the_client_can_read(vendor: Vendor, fault: FaultName) -> None:
    frames: asyncio.Queue[str | bytes] = asyncio.Queue()

    async def keep(frame: str | bytes) -> None:
        frames.put_nowait(frame)

    listening_client = Listener(vendor, (TOPIC,)).client
    task = asyncio.create_task(listening_client.connect(keep, max_size=None, proxy=None))
    await frames.get()
    vendor.faults.on(fault, remaining=1)
    await vendor.publish()
    assert FRAMES[fault](await frames.get())
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def ends(vendor: Vendor, client: str, **options: Any) -> BaseException | None:
    """Return how a client ends once subscribed and a bar is published; None is silently."""
    listener = Listener(vendor, (TOPIC,), client=client)
    task = asyncio.create_task(listener.listen(**options))
    await listener.next()
    await vendor.publish()
    async with asyncio.timeout(30):
        [result] = await asyncio.gather(task, return_exceptions=True)
    return result


@pytest.mark.parametrize("fault", [F.STREAM_CLOSE_1000, F.STREAM_CLOSE_1001])
async def test_a_clean_close_lets_the_client_return_as_if_nothing_was(
    vendor: Vendor, client: str, fault: FaultName
) -> None:
    vendor.faults.on(fault, remaining=1)
    assert await ends(vendor, client) is None
    assert vendor.faults.happened == {fault: 1}


@pytest.mark.parametrize(
    ("fault", "code"),
    [(F.STREAM_CLOSE_1008, 1008), (F.STREAM_CLOSE_1011, 1011), (F.STREAM_DROP, None)],
)
async def test_a_rude_close_ends_the_client(
    vendor: Vendor, client: str, fault: FaultName, code: int | None
) -> None:
    vendor.faults.on(fault, remaining=1)
    error = await ends(vendor, client)
    assert isinstance(error, ConnectionClosedError)
    assert (error.rcvd and error.rcvd.code) == code


async def test_a_half_open_link_answers_no_pings_and_says_nothing(
    vendor: Vendor, client: str
) -> None:
    vendor.faults.on(F.STREAM_HALF_OPEN, remaining=1)
    error = await ends(vendor, client, ping_interval=0.2, ping_timeout=0.2)
    assert isinstance(error, ConnectionClosedError)
    assert error.rcvd is None
    assert "keepalive" in str(error)


async def tries(vendor: Vendor, client: str, wait_s: float = 30) -> Listener:
    """Return a listener whose first connection has ended by itself, or has said nothing."""
    listener = Listener(vendor, (TOPIC,), client=client)
    with suppress(ConnectionClosedError, TimeoutError):
        async with asyncio.timeout(wait_s):
            await listener.listen()
    return listener


@pytest.mark.parametrize(
    "fault",
    [
        F.STREAM_DROP_IN_CONNECT,
        F.STREAM_DROP_IN_AUTH,
        F.STREAM_DROP_IN_SUBSCRIBE,
        F.STREAM_MAX_CONNECTIONS,
        F.STREAM_AUTH_TIMEOUT,
    ],
)
async def test_a_connection_ends_before_it_is_subscribed(
    vendor: Vendor, client: str, fault: FaultName
) -> None:
    vendor.faults.on(fault)
    listener = await tries(vendor, client)
    assert vendor.faults.happened == {fault: 1}
    assert listener.heard == 0
    vendor.faults.off(fault)
    async with listening(vendor, TOPIC, client=client) as again:
        await vendor.publish()
        assert await again.next() == true_bar(vendor, 0)


async def test_a_right_key_can_be_refused(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.STREAM_AUTH_FAILED, remaining=1)
    with pytest.raises((AuthError, CLIENTS[client].exceptions.AuthError)):
        await Listener(vendor, (TOPIC,), client=client).listen()
    async with listening(vendor, TOPIC, client=client):
        assert vendor.faults.happened == {F.STREAM_AUTH_FAILED: 1}


async def test_a_server_can_say_nothing_at_all(vendor: Vendor, client: str) -> None:
    vendor.faults.on(F.STREAM_MUTE, remaining=1)
    listener = await tries(vendor, client, wait_s=0.5)
    assert vendor.faults.happened == {F.STREAM_MUTE: 1}
    assert listener.heard == 0


async def test_an_upgrade_can_be_refused(vendor: Vendor, client: str) -> None:
    # The vendor's client tries again by itself, with pauses, whatever it was told.
    vendor.faults.on(F.STREAM_REFUSED, remaining=1, amount=429)
    async with listening(vendor, TOPIC, client=client):
        assert vendor.stream.connections == 2


async def test_nothing_strikes_while_nobody_listens(vendor: Vendor) -> None:
    for name in (F.STREAM_DROP, F.STREAM_SILENCE, F.STREAM_LATE_BAR, F.STREAM_BROKEN_JSON):
        vendor.faults.on(name)
    await vendor.publish(3)
    assert vendor.faults.happened == {}
