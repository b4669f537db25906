"""Live bars: each once and in order, kept, and going on where the store ends."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from market_sim.faults import FaultName
from signal_server.core.domain import PRICE_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market import live_writer
from signal_server.market.coverage import Coverage, Source
from signal_server.market.frames import bar_frame
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.listener import (
    IMPATIENT,
    assert_in_order,
    assert_whole,
    has_begun,
    listening,
)
from tests.signal_server.market.vendor import SYMBOLS, Vendor, eventually


async def test_nothing_needs_repair_while_the_stream_is_well(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(20)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    assert_in_order(listener)
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


async def test_a_hole_that_a_killed_process_left_is_found_and_one_without_trades_is_not_asked_for(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    truth = served.market.bars("BTC-USD", first, first + timedelta(seconds=20))
    closes = [bar.start + timedelta(seconds=1) for bar in truth]
    values = {name: [getattr(bar, name) for bar in truth] for name in (*PRICE_COLUMNS, "volume")}
    frame = bar_frame(closes, values)
    store.write("BTC-USD", frame.drop(frame.index[[5, 6, 12]]))
    coverage = Coverage.of(store.folder, "BTC-USD")
    coverage.add((closes[10], closes[13]), Source.STREAM, first)
    served.step += 25
    async with listening(served, store) as listener:
        await eventually(lambda: len(listener.closes("BTC-USD")) >= 2 + 4)
    assert closes[5] in listener.closes("BTC-USD")
    assert closes[6] in listener.closes("BTC-USD")
    assert closes[12] not in listener.closes("BTC-USD")


async def test_an_empty_store_begins_with_the_bar_that_comes(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    assert len(listener.heard) == len(SYMBOLS)


async def test_unreadable_and_impossible_bars_cost_no_connection_and_no_true_bar(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
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
        good["s"] = int(served.clock().timestamp() * 1000) - 1000
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
        assert listener.live.connections == 1
    assert_whole(served, listener, store, first)
    reasons = set(store.quarantined("BTC-USD")["reason"])
    assert reasons == {"negative", "inconsistent", "misaligned", "not_finite"}


async def test_what_the_stream_gave_wholly_needs_no_backfill(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        first = served.clock()
        await served.publish(30)
        await listener.reaches(served.clock())
    coverage = Coverage.of(store.folder, "BTC-USD")
    assert coverage.covered((first, served.clock()), [Source.STREAM]) == [
        (first, served.clock() - timedelta(seconds=5))
    ]


async def test_a_later_value_of_a_live_bar_is_kept_as_a_revision(
    served: Vendor, store: BarStore
) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await eventually(lambda: len(store.read("BTC-USD")) == 1)
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
    monkeypatch.setattr(live_writer, "COMPACT_BARS", {1: 7})
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.publish(30)
        await listener.reaches(served.clock())
        await eventually(lambda: size_of(store.folder) < 1_500)
    assert_whole(served, listener, store, first)


def size_of(folder: Path) -> int:
    """Return the bytes of live bars that are in no Parquet file yet."""
    return sum(path.stat().st_size for path in folder.glob("*/live.csv"))


async def test_a_plan_without_calls_left_delays_no_bar_and_fills_the_hole_later(
    served: Vendor, store: BarStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, first = False, served.clock() + timedelta(seconds=1)
    monkeypatch.setattr(PolygonHistory, "ready", property(lambda _: ready))
    async with listening(served, store, replace(IMPATIENT, hold_s=60.0)) as listener:
        await has_begun(served, listener)
        for _ in range(3):
            served.step += 3
            await served.publish()
            await listener.reaches(served.clock())
        assert len(listener.heard) == 4 * len(SYMBOLS)
        assert not any(h.repaired for h in listener.heard)
        assert [h.flags for h in listener.heard if h.bar.symbol == "BTC-USD"] == [
            (),
            *[("hole",)] * 3,
        ]
        ready = True
        await eventually(lambda: len(listener.heard) == 13 * len(SYMBOLS))
        await served.publish()
        await listener.reaches(served.clock())
        assert listener.heard[-1].flags == ()
    assert_whole(served, listener, store, first)


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
