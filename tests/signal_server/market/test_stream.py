"""The supervised stream against every way in which a connection fails, step by step."""

import asyncio
import json
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from market_sim.faults import FaultName
from signal_server.core.errors import VendorAuthError
from signal_server.market import live as live_module
from signal_server.market.live import LiveBars
from signal_server.market.store import BarStore
from tests.signal_server.market.listener import assert_whole, has_begun, listening
from tests.signal_server.market.vendor import SYMBOLS, Scene, Vendor, eventually

STREAM_FAULTS = ("drop", "silence", "duplicate_bar", "late_bar")
REST_FAULTS = ("server_error", "rate_limit", "empty_page", "broken_json")


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_is_lost_or_doubled_through_any_mix_of_faults(
    served: Vendor, store: BarStore, seed: int
) -> None:
    random = Random(seed)
    stream_faults = [FaultName(f"stream_{name}") for name in STREAM_FAULTS]
    rest_faults = [FaultName(f"rest_{name}") for name in REST_FAULTS]
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


async def test_a_bar_from_the_future_does_not_hide_those_before_it(
    served: Vendor, store: BarStore
) -> None:
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        await served.stream.publish_step(served.step + 60)
        await served.publish(3)
        await listener.reaches(served.clock())
    assert_whole(served, listener, store, first)


async def test_a_refused_key_ends_the_stream(served: Vendor, store: BarStore) -> None:
    live = LiveBars(served.config(), "wrong", SYMBOLS, store, clock=served.clock)
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        async with asyncio.timeout(20):
            await anext(live.stream())
    assert served.connections == 1
