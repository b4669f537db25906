"""What lasts: REST that is down, a line half open, a slow reader, a full disk, a revision."""

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

import pytest

from market_sim.faults import FaultName
from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError
from signal_server.market.live import LiveBar, LiveBars
from signal_server.market.quality import BarFlag
from signal_server.market.store import BarStore
from tests.signal_server.market.listener import (
    IMPATIENT,
    assert_in_order,
    assert_whole,
    has_begun,
    listening,
)
from tests.signal_server.market.vendor import KEY, SYMBOLS, Vendor, eventually


@pytest.mark.parametrize("client", ["polygon", "massive"])
async def test_both_clients_of_the_vendor_lose_nothing(
    served: Vendor, store: BarStore, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = served.config().model_copy(update={"client": client})
    monkeypatch.setattr(Vendor, "config", lambda _: config)
    first = served.clock() + timedelta(seconds=1)
    faults = [FaultName.STREAM_CLOSE_1000, FaultName.STREAM_DROP, FaultName.STREAM_AUTH_FAILED]
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        for fault in faults:
            served.faults.on(fault, remaining=1)
            await served.publish(2)
            await eventually(lambda: not served.stream._subscribers or bool(listener.heard))
            await served.subscribed()
        await served.publish(2)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)


async def test_while_rest_is_down_bars_wait_a_moment_and_the_hole_is_filled_later(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store, replace(IMPATIENT, hold_s=0.2)) as listener:
        await has_begun(served, listener)
        served.faults.on(FaultName.REST_SERVER_ERROR)
        await served.stream.drop_all()
        await served.publish(5)
        await served.subscribed()
        await served.publish(2)
        await listener.reaches(served.clock())
        passed = [h for h in listener.heard if h.bar.close_time > first]
        assert all(h.flags == (BarFlag.HOLE,) for h in passed)
        served.faults.off(FaultName.REST_SERVER_ERROR)
        await eventually(lambda: listener.has_all(served))
        repaired = [h.bar.close_time for h in listener.heard if h.repaired]
        assert len(repaired) >= 5
        await served.publish()
        await listener.reaches(served.clock())
        assert listener.heard[-1].flags == ()
    assert_whole(served, listener, store, first)


async def test_a_half_open_line_is_noticed_by_its_silence(served: Vendor, store: BarStore) -> None:
    first = served.clock() + timedelta(seconds=1)
    # Three bars and this slack are half a second.
    async with listening(served, store, replace(IMPATIENT, idle_slack_s=-2.5)) as listener:
        await has_begun(served, listener)
        served.faults.on(FaultName.STREAM_HALF_OPEN, remaining=1)
        before = listener.live.connections
        await served.publish(3)
        await eventually(lambda: listener.live.connections > before)
        await served.publish(2)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)


async def test_max_connections_for_ever_makes_no_tight_loop_and_bars_come_by_rest(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    patience = replace(IMPATIENT, attempts_per_minute=6, poll_s=0.1)
    async with listening(served, store, patience) as listener:
        await has_begun(served, listener)
        served.faults.on(FaultName.STREAM_MAX_CONNECTIONS)
        await served.stream.drop_all()
        await served.publish(10)
        await eventually(lambda: served.stream.connections == 6)
        await eventually(lambda: listener.has_all(served))
        assert served.stream.connections == 6
        # Bars of REST do not speak for the connection: the wait goes on growing.
        assert listener.live._link._failures > 1
    assert_whole(served, listener, store, first)


async def test_a_slow_reader_is_waited_for_in_the_store(served: Vendor, store: BarStore) -> None:
    live = LiveBars(served.config(), KEY, SYMBOLS, store, clock=served.clock, patience=IMPATIENT)
    live._outlet._limit = 8
    heard = []
    async with aclosing(live.batches()) as batches:
        reading = asyncio.ensure_future(anext(batches))
        await served.subscribed()
        await served.publish()
        heard += await reading
        await served.publish(60)
        await eventually(lambda: live._outlet.spilled_bars > 0)
        while len(heard) < 61 * len(SYMBOLS):
            batch = await anext(batches)
            assert len(batch) <= 2 * 8
            heard += batch
    for symbol in SYMBOLS:
        closes = [live.bar.close_time for live in heard if live.bar.symbol == symbol]
        assert closes == sorted(set(closes))
        assert len(closes) == 61


async def test_a_revision_is_stored_beside_the_first_value(served: Vendor, store: BarStore) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        served.faults.on(FaultName.STREAM_REVISED_BAR, remaining=1)
        await served.publish(6)
        await listener.reaches(served.clock())
    assert_in_order(listener)
    ((symbol, start), early) = next(iter(served.stream.events.early.items()))
    close = start + timedelta(seconds=1)
    bars = [h.bar for h in listener.heard if h.bar.symbol == symbol]
    (heard,) = [bar for bar in bars if bar.close_time == close]
    assert heard.close == early.close == store.read(symbol)["close"][close]
    true = served.market.bar(symbol, served.market.step_at(start))
    assert true is not None
    assert store.revisions(symbol)["close"][close] == true.close


async def test_bars_that_cannot_be_stored_end_the_stream_with_the_reason(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveBars(served.config(), KEY, SYMBOLS, store, clock=served.clock, patience=IMPATIENT)

    def full(*_: object) -> None:
        raise MarketDataError("the disk is full; make room")

    async def read() -> None:
        async with aclosing(live.batches()) as batches, asyncio.timeout(20):
            async for batch in batches:
                heard.extend(batch)

    heard: list[LiveBar] = []
    reading = asyncio.create_task(read())
    await served.subscribed()
    monkeypatch.setattr(store, "append", full)
    await served.publish()
    with pytest.raises(MarketDataError, match="disk is full"):
        await reading
    assert len(heard) == len(SYMBOLS)


async def test_an_error_reaches_a_reader_for_whom_bars_always_wait(
    served: Vendor, store: BarStore
) -> None:
    live = LiveBars(served.config(), KEY, SYMBOLS, store, clock=served.clock, patience=IMPATIENT)
    bar = Bar(SYMBOLS[0], served.clock(), 1.0, 1.0, 1.0, 1.0, 1.0)
    live._outlet.put([LiveBar(bar, served.clock(), repaired=False)])

    async def full() -> None:
        raise MarketDataError("the disk is full; make room")

    task = asyncio.create_task(full())
    await asyncio.wait([task])
    with pytest.raises(MarketDataError, match="disk is full"):
        await live._batch([task])
