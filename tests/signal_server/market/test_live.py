"""Live bars: each once and in order, kept, and going on where the store ends."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from market_sim.faults import FaultName
from signal_server.core.errors import MarketDataError
from signal_server.market import live as live_module
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from signal_server.market.stream_events import StreamLostError, bar_of_event, events_of
from tests.signal_server.market.listener import assert_whole, has_begun, listening
from tests.signal_server.market.vendor import SYMBOLS, Vendor


async def test_nothing_needs_repair_while_the_stream_is_well(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(20)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    assert not any(h.repaired for h in listener.heard)
    assert all(first <= h.received_at <= served.clock() for h in listener.heard)


async def test_what_was_missed_while_away_comes_first(served: Vendor, store: BarStore) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    first = served.clock() + timedelta(seconds=1)
    await served.publish(30)
    served.faults.on(FaultName.REST_BROKEN_JSON, remaining=2)
    async with listening(served, store) as listener:
        await listener.reaches(served.clock())
        assert all(h.repaired for h in listener.heard)
        await served.publish(2)
        await listener.reaches(served.clock())
    assert served.faults.happened[FaultName.REST_BROKEN_JSON] == 2
    assert_whole(served, listener, store, first)


async def test_an_empty_store_begins_with_the_bar_that_comes(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    assert len(listener.heard) == len(SYMBOLS)


async def test_unreadable_and_impossible_bars_are_passed_over(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        good: dict[str, Any] = {
            "ev": "XAS",
            "pair": "BTC-USD",
            "o": 2,
            "h": 4,
            "l": 1,
            "c": 3,
            "v": 5,
        }
        good["s"] = int(served.clock().timestamp() * 1000)
        changes: list[dict[str, Any]] = [
            {"c": -1},
            {"h": 1},
            {"v": None},
            {"v": -1},
            {"s": "now"},
            {"s": 1e300},
        ]
        changes += [{"pair": "DOGE-USD"}, {"ev": "XT"}, {"s": good["s"] + 1}, {"o": "NaN"}]
        strange = [*({**good, **change} for change in changes), {"ev": "XAS"}, {}, 7]
        for subscriber in served.stream._subscribers:
            await subscriber.socket.send_json(strange)
        await served.publish()
        await listener.reaches(served.clock())
        assert len(listener.heard) == 2 * len(SYMBOLS)
        assert listener.live.connections == 1


async def test_a_later_value_of_a_live_bar_is_kept_as_a_revision(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        before = store.read("BTC-USD")
        served.market._tables["BTC-USD"].volume[served.step - 1] = 12_345.0
        await served.stream.publish_step(served.step - 1)
        await served.publish()
        await listener.reaches(served.clock())
    store.compact("BTC-USD")
    assert store.read("BTC-USD").iloc[:1].equals(before)
    assert store.revisions("BTC-USD")["volume"].tolist() == [12_345.0]


async def test_live_bars_move_into_parquet_now_and_then(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "COMPACT_BARS", 7)
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(30)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    not_moved = (store.folder / "BTC-USD").glob("live.csv")
    assert sum(path.stat().st_size for path in not_moved) < 1_500


async def test_a_plan_without_calls_left_delays_no_bar_and_fills_the_hole_later(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, store_first = False, served.clock()
    monkeypatch.setattr(PolygonHistory, "ready", property(lambda _: ready))
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        for _ in range(3):
            served.step += 3
            await served.publish()
            await listener.reaches(served.clock())
        assert len(store.read("BTC-USD")) == 4
        assert not any(h.repaired for h in listener.heard)
        ready = True
        await served.publish()
        await listener.reaches(served.clock())
    truth = served.market.bars("BTC-USD", store_first, served.clock())
    assert store.read("BTC-USD")["close"].tolist() == [bar.close for bar in truth]
    assert set(listener.closes("BTC-USD")) == set(store.read("BTC-USD").index)


async def test_a_listener_that_leaves_takes_all_its_tasks_along(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    await served.stream.close()
    names = {repr(task.get_coro()) for task in asyncio.all_tasks()}
    assert not [name for name in names if "Queue.get" in name or "LiveBars" in name]


async def test_a_damaged_file_of_live_bars_is_named(served: Vendor, store: BarStore) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    path = store.folder / "BTC-USD" / "live.csv"
    path.write_bytes(path.read_bytes().replace(b"T", b"\x00"))
    with pytest.raises(MarketDataError, match=r"live\.csv is damaged"):
        store.read("BTC-USD")


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
        list(events_of(text))
