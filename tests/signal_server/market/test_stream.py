"""The supervised stream against every way in which a connection fails, step by step."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from market_sim.faults import FaultName
from signal_server.core.errors import MarketDataError
from signal_server.market import live as live_module
from signal_server.market import polygon as polygon_module
from signal_server.market.live import LiveBar, LiveBars
from signal_server.market.polygon import PolygonHistory
from signal_server.market.store import BarStore
from tests.signal_server.market.vendor import KEY, SYMBOLS, Scene, Vendor, eventually, vendor


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "SHORTEST_BACKOFF_S", 0.001)
    monkeypatch.setattr(live_module, "LONGEST_BACKOFF_S", 0.01)
    monkeypatch.setattr(live_module, "REPAIR_RETRY_S", 0.01)
    monkeypatch.setattr(polygon_module, "RETRIES", 0)


@pytest.fixture
async def served() -> AsyncIterator[Vendor]:
    async with vendor() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, 1)


@dataclass(slots=True)
class Listener:
    """Live bars as they come."""

    live: LiveBars
    heard: list[LiveBar] = field(default_factory=list)

    async def listen(self) -> None:
        async for bar in self.live.stream():
            self.heard.append(bar)

    async def reaches(self, close_time: datetime, symbols: tuple[str, ...] = SYMBOLS) -> None:
        """Wait until every symbol's newest bar is that old."""
        await eventually(lambda: all(self.closes(s)[-1:] == [close_time] for s in symbols))

    def closes(self, symbol: str) -> list[datetime]:
        return [h.bar.close_time for h in self.heard if h.bar.symbol == symbol]


@asynccontextmanager
async def listening(served: Vendor, store: BarStore) -> AsyncIterator[Listener]:
    listener = Listener(LiveBars(served.config(), KEY, SYMBOLS, 1, store, served.clock))
    task = asyncio.create_task(listener.listen())
    try:
        yield listener
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def has_begun(served: Vendor, listener: Listener) -> None:
    """Wait for the subscription and let one bar come: from here on nothing may be missing."""
    await served.subscribed()
    await served.publish()
    await listener.reaches(served.clock())


def assert_whole(served: Vendor, listener: Listener, store: BarStore, first: datetime) -> None:
    """Each bar from `first` to now was heard once, in order, as it was, and is stored."""
    seconds = int((served.clock() - first).total_seconds())
    wanted = [first + timedelta(seconds=n) for n in range(seconds + 1)]
    before = first - timedelta(seconds=1)
    for symbol in SYMBOLS:
        assert listener.closes(symbol) == wanted
        truth = [bar.close for bar in served.market.bars(symbol, before, served.clock())]
        assert [h.bar.close for h in listener.heard if h.bar.symbol == symbol] == truth
        assert store.read(symbol, before)["close"].tolist() == truth


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


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_or_doubled_through_any_mix_of_faults(
    served: Vendor, store: BarStore, seed: int
) -> None:
    random = Random(seed)
    stream_faults = [fault for fault in FaultName if fault.startswith("stream")]
    rest_faults = [fault for fault in FaultName if fault.startswith("rest")]
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        for _ in range(12):
            served.faults.on(random.choice(stream_faults), remaining=random.choice((1, 2)))
            served.faults.on(random.choice(rest_faults), probability=0.5)
            await served.publish(random.randint(1, 4))
            await served.subscribed()
        for fault in FaultName:
            served.faults.off(fault)
        # Twice, because a bar that was held back comes with the next.
        await served.publish(2)
        await listener.reaches(served.clock())
    assert served.faults.happened
    assert_whole(served, listener, store, first)


def says(*frames: object) -> Scene:
    """Send these frames, then hold the line until the client leaves."""

    async def scene(socket: web.WebSocketResponse) -> None:
        for frame in frames:
            await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))
        async for _ in socket:
            pass

    return scene


def status(name: str, message: str = "") -> list[dict[str, str]]:
    return [{"ev": "status", "status": name, "message": message}]


async def goes_at_once(socket: web.WebSocketResponse) -> None:
    await socket.close(code=WSCloseCode.OK)


async def drops_during_auth(socket: web.WebSocketResponse) -> None:
    await socket.send_json(status("connected"))
    await socket.receive()
    assert socket._req is not None
    assert socket._req.transport is not None
    socket._req.transport.abort()


CONNECTED, ACCEPTED = status("connected"), status("auth_success")
SUBSCRIBED = status("success")
SCENES: dict[str, Scene] = {
    "closes": goes_at_once,
    "drops during auth": drops_during_auth,
    "half a frame": says(CONNECTED, ACCEPTED, SUBSCRIBED, '[{"ev": "XA'),
    "an object": says(CONNECTED, ACCEPTED, SUBSCRIBED, {"ev": "XA"}),
    "a page": says(CONNECTED, "<html>"),
    "an odd answer": says(CONNECTED, [1]),
    "an empty answer": says(CONNECTED, []),
    "too many connections": says(CONNECTED, ACCEPTED, status("max_connections", "one only")),
    "auth timeout": says(CONNECTED, ACCEPTED, status("auth_timeout")),
    "an error": says(CONNECTED, ACCEPTED, status("error", "not in your plan")),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
async def test_a_connection_that_fails_is_replaced_and_its_hole_filled(
    served: Vendor, store: BarStore, scene: Scene
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        served.scenes.extend([scene, scene])
        await served.stream.drop_all()
        await served.publish(5)
        await eventually(lambda: served.connections == 4)
        await served.subscribed()
        await listener.reaches(served.clock())
        await served.publish(3)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)
    assert any(h.repaired for h in listener.heard)


@pytest.mark.parametrize("frames", [(), (CONNECTED, ACCEPTED, SUBSCRIBED)], ids=["first", "later"])
async def test_silence_is_noticed_and_the_line_replaced(
    served: Vendor, store: BarStore, frames: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "CONNECT_TIMEOUT_S", 0.1)
    # Three bars and this slack are a tenth of a second.
    monkeypatch.setattr(live_module, "IDLE_SLACK_S", -2.9)
    served.scenes.append(says(*frames))
    async with listening(served, store) as listener:
        await eventually(lambda: served.connections >= 2)
        await has_begun(served, listener)


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


async def test_bars_in_the_wrong_order_are_put_right(served: Vendor, store: BarStore) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        served.step += 2
        await served.stream.publish_step(served.step - 1)
        await served.stream.publish_step(served.step - 2)
        await served.publish()
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)


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
    assert (store.folder / "BTC-USD" / "live.csv").stat().st_size < 1_500


async def test_a_plan_without_calls_left_delays_no_bar_and_fills_the_store_later(
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
        ready = True
        await served.publish()
        await listener.reaches(served.clock())
    assert not any(h.repaired for h in listener.heard)
    truth = served.market.bars("BTC-USD", store_first, served.clock())
    assert store.read("BTC-USD")["close"].tolist() == [bar.close for bar in truth]


async def test_a_damaged_file_of_live_bars_is_named(served: Vendor, store: BarStore) -> None:
    async with listening(served, store) as listener:
        await has_begun(served, listener)
    path = store.folder / "BTC-USD" / "live.csv"
    path.write_bytes(path.read_bytes().replace(b"T", b"\x00"))
    with pytest.raises(MarketDataError, match=r"live\.csv is damaged"):
        store.read("BTC-USD")
