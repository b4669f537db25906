import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

import grpc
import pytest

from hummingbot_scripts.ml_signals.client import (
    MalformedSignalError,
    SignalFeed,
    Subscription,
    receive,
)
from hummingbot_scripts.ml_signals.line import Backoff, LineState
from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.rules import Side

QUICK = Backoff(0.01, 0.05)


@asynccontextmanager
async def following(
    channel: grpc.aio.Channel, now: datetime, silence_timeout_s: float = 30
) -> AsyncIterator[SignalFeed]:
    subscription = Subscription(["BTC-USD"], silence_timeout_s, backoff=QUICK)
    feed = SignalFeed(channel, subscription, lambda: now)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_published_signal_arrives_as_the_rules_see_it(
    server: Any, channel: grpc.aio.Channel, now: datetime, make_signal: Any, wait_until: Any
) -> None:
    async with following(channel, now) as feed:
        await wait_until(lambda: feed.line.state is LineState.CONNECTED)
        server.publish(make_signal(7))
        await wait_until(lambda: feed.latest("BTC-USD") is not None)
        received = feed.latest("BTC-USD")
    assert received is not None
    assert (received.view.id, received.view.direction) == (7, Side.UP)
    assert received.view.confidence == Decimal("0.7")
    assert received.view.valid_until.tzinfo is not None


async def test_a_lost_line_is_taken_up_after_the_last_signal(
    server: Any, channel: grpc.aio.Channel, now: datetime, make_signal: Any, wait_until: Any
) -> None:
    server.publish(make_signal(1))
    async with following(channel, now) as feed:
        await wait_until(lambda: feed.last_id == 1)
        server.drop_subscribers()
        server.publish(make_signal(2))
        await wait_until(lambda: feed.last_id == 2)
    assert [request.after_id for request in server.subscriptions] == [0, 1]
    assert list(server.subscriptions[0].symbols) == ["BTC-USD"]


async def test_silence_counts_as_a_dead_line(
    server: Any, channel: grpc.aio.Channel, now: datetime, wait_until: Any
) -> None:
    server.silent = True
    async with following(channel, now, silence_timeout_s=0.05) as feed:
        await wait_until(lambda: len(server.subscriptions) >= 2)
        assert feed.line.state is LineState.DOWN
        assert "nothing heard" in feed.line.problem


async def test_a_server_that_is_down_at_first_is_found_later(
    now: datetime, wait_until: Any, make_server: Callable[[], Any]
) -> None:
    server = make_server()
    await (await server.start()).stop(None)
    options = [("grpc.max_reconnect_backoff_ms", 200), ("grpc.min_reconnect_backoff_ms", 100)]
    async with grpc.aio.insecure_channel(server.address, options=options) as channel:
        async with following(channel, now) as feed:
            await wait_until(lambda: feed.line.state is LineState.DOWN)
            assert "UNAVAILABLE" in feed.line.problem
            late = await server.start(server.address)
            await wait_until(lambda: feed.line.state is LineState.CONNECTED)
        await late.stop(None)


async def test_a_server_that_counts_anew_is_followed_from_its_beginning(
    server: Any, channel: grpc.aio.Channel, now: datetime, make_signal: Any, wait_until: Any
) -> None:
    server.newest_id = 3
    server.publish(make_signal(3))
    forgotten: list[bool] = []
    subscription = Subscription(["BTC-USD"], 30, after_id=900, backoff=QUICK)
    feed = SignalFeed(channel, subscription, lambda: now, lambda: forgotten.append(True))
    task = asyncio.create_task(feed.run())
    await wait_until(lambda: feed.latest("BTC-USD") is not None)
    task.cancel()
    assert forgotten == [True]
    assert [request.after_id for request in server.subscriptions] == [900, 0]


async def test_an_older_signal_never_replaces_a_newer_one(
    server: Any, channel: grpc.aio.Channel, now: datetime, make_signal: Any, wait_until: Any
) -> None:
    async with following(channel, now) as feed:
        await wait_until(lambda: feed.line.state is LineState.CONNECTED)
        for number in (3, 2, 4):
            server.publish(make_signal(number, "BTC-USD" if number < 4 else "ETH-USD"))
        await wait_until(lambda: feed.latest("ETH-USD") is not None)
        received = feed.latest("BTC-USD")
    assert received is not None
    assert received.view.id == 3


async def test_a_malformed_signal_is_counted_and_not_used(
    server: Any, channel: grpc.aio.Channel, now: datetime, make_signal: Any, wait_until: Any
) -> None:
    async with following(channel, now) as feed:
        await wait_until(lambda: feed.line.state is LineState.CONNECTED)
        bad = make_signal(5)
        bad.direction = pb.DIRECTION_UNSPECIFIED
        server.publish(bad)
        await wait_until(lambda: feed.malformed == 1)
        assert feed.latest("BTC-USD") is None


@pytest.mark.parametrize(
    ("field", "value"),
    [("confidence", float("nan")), ("confidence", 1.5), ("reference_price", 0.0), ("symbol", "")],
)
def test_a_signal_outside_the_contract_is_refused(
    make_signal: Any, now: datetime, field: str, value: object
) -> None:
    signal = make_signal(1)
    setattr(signal, field, value)
    with pytest.raises(MalformedSignalError):
        receive(signal, now)


def test_a_signal_that_never_expires_is_refused(make_signal: Any, now: datetime) -> None:
    signal = make_signal(1)
    signal.ClearField("valid_until")
    with pytest.raises(MalformedSignalError):
        receive(signal, now)


def test_waiting_grows_to_a_limit() -> None:
    backoff = Backoff(1, 8)
    assert all(0.5 <= backoff.delay_s(0) <= 1 for _ in range(20))
    assert all(4 <= backoff.delay_s(attempt) <= 8 for attempt in range(3, 100))
