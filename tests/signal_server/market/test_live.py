"""Each final bar comes once and in order, whatever the stream does."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from market_sim.faults import FaultName
from signal_server.core.clock import utc_now
from signal_server.core.domain import Bar
from signal_server.core.errors import VendorAuthError
from signal_server.market.frames import frame_of
from signal_server.market.live import LiveBar, LiveBars, StreamLostError, _events, bar_of_event
from signal_server.market.store import BarStore
from tests.signal_server.market.conftest import KEY, Vendor, polygon

SYMBOLS = ("BTC-USD", "ETH-USD")
WANTED = 6
PATIENCE_S = 60


async def follow(
    vendor: Vendor, store: BarStore, during: Callable[[int], None] = lambda _count: None
) -> list[LiveBar]:
    """Return `WANTED` bars or more of each symbol; `during` is told of every new bar."""
    live = LiveBars(vendor.config, KEY, SYMBOLS, 1, store, utc_now)
    found: list[LiveBar] = []
    stream = live.stream()
    async with asyncio.timeout(PATIENCE_S):
        async for bar in stream:
            found.append(bar)
            during(len(found))
            if min(sum(b.bar.symbol == s for b in found) for s in SYMBOLS) >= WANTED:
                break
    await stream.aclose()
    return found


def assert_exact(vendor: Vendor, store: BarStore, found: list[LiveBar]) -> None:
    """Every bar between first and last is there once, in order, and as the vendor has it."""
    for symbol in SYMBOLS:
        bars = [live.bar for live in found if live.bar.symbol == symbol]
        first, last = bars[0].close_time, bars[-1].close_time
        second = timedelta(seconds=1)
        true = vendor.market.bars(symbol, first - second, last)
        assert [bar.close_time for bar in bars] == [bar.start + second for bar in true]
        assert [bar.close for bar in bars] == [bar.close for bar in true]
        stored = store.read(symbol, first - second, last)
        assert stored["close"].tolist() == [bar.close for bar in true]


def a_stored_bar(vendor: Vendor, store: BarStore, seconds_ago: int = 20) -> None:
    """Put one old bar of each symbol into the store, from which the live bars go on."""
    at = vendor.market.live_start - timedelta(seconds=seconds_ago)
    for symbol in SYMBOLS:
        (old,) = vendor.market.bars(symbol, at, at + timedelta(seconds=1))
        values = (old.open, old.high, old.low, old.close, old.volume)
        store.write(symbol, frame_of([Bar(symbol, at + timedelta(seconds=1), *values)]))


async def test_the_hole_since_the_last_stored_bar_is_fetched_first(store: BarStore) -> None:
    async with polygon() as vendor:
        a_stored_bar(vendor, store)
        found = await follow(vendor, store)
    assert found[0].repaired
    assert_exact(vendor, store, found)


@pytest.mark.parametrize(
    "fault",
    [
        FaultName.STREAM_DROP,
        FaultName.STREAM_SILENCE,
        FaultName.STREAM_DUPLICATE_BAR,
        FaultName.STREAM_LATE_BAR,
    ],
)
async def test_each_bar_comes_once_and_in_order_through(fault: FaultName, store: BarStore) -> None:
    async with polygon() as vendor:
        a_stored_bar(vendor, store, seconds_ago=2)

        def during(count: int) -> None:
            if count == 4:
                vendor.faults.on(fault, remaining=2)

        found = await follow(vendor, store, during)
        assert vendor.faults.happened[fault] == 2
    assert_exact(vendor, store, found)


async def test_a_hole_is_fetched_again_until_the_vendor_answers_well(store: BarStore) -> None:
    async with polygon() as vendor:
        a_stored_bar(vendor, store)
        vendor.faults.on(FaultName.REST_BROKEN_JSON, remaining=2)
        found = await follow(vendor, store)
        assert vendor.faults.happened[FaultName.REST_BROKEN_JSON] == 2
    assert_exact(vendor, store, found)


async def test_a_wrong_key_ends_the_stream_with_a_reason(store: BarStore) -> None:
    async with polygon() as vendor:
        live = LiveBars(vendor.config, "wrong", SYMBOLS, 1, store, utc_now)
        with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
            async with asyncio.timeout(PATIENCE_S):
                await anext(live.stream())


async def test_a_hand_over_takes_no_rewrite_of_a_file(store: BarStore) -> None:
    async with polygon() as vendor:
        a_stored_bar(vendor, store, seconds_ago=2)
        before = time.time()
        found = await follow(vendor, store)
    newest = [path.stat().st_mtime for path in store.folder.rglob("*.parquet")]
    assert found
    assert max(newest) < before


def event(**changes: object) -> dict[str, object]:
    """Return a bar as the stream sends it, with changes."""
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
    body = {"ev": "XAS", "pair": "BTC-USD", "o": 10, "h": 12, "l": 9, "c": 11, "v": 1.5, "vw": 10.5}
    return {**body, "z": 3, "s": start, "e": start + 1000, **changes}


def test_a_bar_is_stamped_with_its_close_and_has_no_trade_count() -> None:
    bar = bar_of_event(event(), 1)
    assert bar is not None
    assert bar.close_time == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (10, 12, 9, 11, 1.5)
    assert bar.transactions != bar.transactions


@pytest.mark.parametrize(
    "changes",
    [
        {"c": None},
        {"c": "text"},
        {"c": float("nan")},
        {"c": -1},
        {"h": 10.5},
        {"l": 10.5},
        {"v": -1},
        {"s": 1.7e30},
        {"s": None},
        {"s": 1767225600123},
        {"ev": "XT"},
        {"ev": None},
    ],
)
def test_what_is_no_bar_is_passed_over(changes: dict[str, object]) -> None:
    assert bar_of_event(event(**changes), 1) is None


@pytest.mark.parametrize("text", ["{", "", '{"ev": "XAS"}', "7"])
def test_a_frame_that_is_no_array_ends_the_connection(text: str) -> None:
    with pytest.raises(StreamLostError):
        list(_events(text))
