"""The supervised stream against every way in which a connection fails, step by step."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from aiohttp import WSCloseCode, web

from market_sim.faults import FaultName
from signal_server.core.errors import VendorAuthError
from signal_server.market.live import LiveBars
from signal_server.market.live_link import REFUSALS_AT_FIRST
from signal_server.market.store import BarStore
from tests.signal_server.market.listener import IMPATIENT, assert_whole, has_begun, listening
from tests.signal_server.market.vendor import SYMBOLS, Scene, Vendor, eventually

STREAM_FAULTS = sorted(
    fault
    for fault in FaultName
    # See below for a revision, which makes the early value count, a line half open, which takes
    # a while, and an unfinished bar, which must come before its end: here time runs in steps.
    if fault.startswith("stream")
    and fault
    not in {
        FaultName.STREAM_REVISED_BAR,
        FaultName.STREAM_UNFINISHED_BAR,
        FaultName.STREAM_HALF_OPEN,
    }
)
REST_FAULTS = sorted(
    fault
    for fault in FaultName
    # These take seconds each.
    if fault.startswith("rest") and fault not in {FaultName.REST_STALL, FaultName.REST_SLOW_DRIP}
)


@pytest.mark.parametrize("seed", range(8))
async def test_nothing_is_lost_or_doubled_through_any_mix_of_faults(
    served: Vendor, store: BarStore, seed: int
) -> None:
    random = Random(seed)
    first = served.clock() + timedelta(seconds=1)
    async with listening(served, store) as listener:
        await has_begun(served, listener)
        for _ in range(12):
            served.faults.on(random.choice(STREAM_FAULTS), remaining=random.choice((1, 2)))
            served.faults.on(random.choice(REST_FAULTS), probability=0.5)
            await served.publish(random.randint(1, 4))
            await served.subscribed()
        for fault in FaultName:
            served.faults.off(fault)
        # Some more, because a bar that was held back comes later.
        for _ in range(4):
            await served.publish()
            await listener.reaches(served.clock())
        await eventually(lambda: listener.has_all(served))
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
    "nothing but noise": says(CONNECTED, ACCEPTED, SUBSCRIBED, *['[{"ev": "XA'] * 5),
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
    served: Vendor, store: BarStore, frames: tuple[Any, ...]
) -> None:
    # Three bars and this slack are a tenth of a second.
    patience = replace(IMPATIENT, connect_s=0.1, idle_slack_s=-2.9)
    served.scenes.append(says(*frames))
    async with listening(served, store, patience) as listener:
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
    live = LiveBars(
        served.config(), "wrong", SYMBOLS, store, clock=served.clock, patience=IMPATIENT
    )
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        async with asyncio.timeout(20):
            await anext(live.stream())
    assert served.connections == REFUSALS_AT_FIRST
