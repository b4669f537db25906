import asyncio

import pytest

from signal_server.core.domain import Signal
from signal_server.serving.hub import Hub, SubscriptionEndedError, TooManyStreamsError
from tests.signal_server.journal.records import signal as make_signal


def numbered(number: int, symbol: str = "BTC-USD") -> Signal:
    return make_signal(id=number, symbol=symbol)


async def test_every_subscriber_gets_the_signals_of_its_symbols() -> None:
    hub = Hub()
    with hub.subscribe(["BTC-USD"], "a") as one, hub.subscribe(["BTC-USD", "ETH-USD"], "b") as two:
        hub.publish(numbered(1))
        hub.publish(numbered(2, "ETH-USD"))
        assert await one.next(1) == numbered(1)
        assert await one.next(0) is None
        assert [await two.next(1), await two.next(1)] == [numbered(1), numbered(2, "ETH-USD")]


async def test_a_slow_subscriber_is_dropped_and_the_others_are_not() -> None:
    hub = Hub(queue_signals=2)
    with (
        hub.subscribe(["BTC-USD"], "slow") as slow,
        hub.subscribe(["BTC-USD"], "quick") as quick,
    ):
        for number in range(1, 5):
            hub.publish(numbered(number))
            assert await quick.next(1) == numbered(number)
        with pytest.raises(SubscriptionEndedError, match="does not keep up"):
            await slow.next(1)
        assert (hub.dropped, hub.subscribers) == (1, 1)


async def test_a_waiting_subscriber_is_woken_when_the_hub_closes() -> None:
    hub = Hub()
    with hub.subscribe(["BTC-USD"], "a") as subscription:
        waiting = asyncio.ensure_future(subscription.next(60))
        await asyncio.sleep(0)
        hub.close("the server is stopping")
        with pytest.raises(SubscriptionEndedError, match="stopping"):
            await waiting


async def test_a_late_subscriber_of_a_closed_hub_is_told_at_once() -> None:
    hub = Hub()
    hub.close("the server is stopping")
    with hub.subscribe(["BTC-USD"], "a") as subscription, pytest.raises(SubscriptionEndedError):
        await subscription.next(60)


def test_a_peer_may_hold_so_many_streams_and_no_more() -> None:
    hub = Hub(max_streams_per_peer=1)
    with (
        hub.subscribe(["BTC-USD"], "a"),
        hub.subscribe(["BTC-USD"], "b"),
        pytest.raises(TooManyStreamsError),
        hub.subscribe(["BTC-USD"], "a"),
    ):
        pass
    with hub.subscribe(["BTC-USD"], "a"):
        assert hub.subscribers == 1


def test_the_newest_signal_of_each_symbol_is_remembered() -> None:
    hub = Hub([numbered(1)])
    assert hub.latest("BTC-USD") == numbered(1)
    hub.publish(numbered(2))
    assert hub.latest("BTC-USD") == numbered(2)
    assert hub.latest("ETH-USD") is None
