"""The connection is replaced whenever it fails, but not too often; and each bar of both lengths."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from signal_server.core.errors import VendorAuthError
from signal_server.market.live_link import (
    REFUSALS_AT_FIRST,
    REFUSALS_LATER,
    StreamLink,
    StreamLostError,
    Vendor,
)
from signal_server.market.live_patience import LivePatience
from tests.signal_server.market.listener import IMPATIENT
from tests.signal_server.market.vendor import eventually

Act = Callable[[Callable[[Any], Awaitable[None]]], Awaitable[None]]


class RefusedError(Exception):
    """What a vendor's client raises for a refused key."""


@dataclass(slots=True)
class Client:
    """A client whose connections do what the test says."""

    act: Act
    websocket: Any = None

    async def connect(self, processor: Callable[[Any], Awaitable[None]], **_: Any) -> None:
        self.websocket = SimpleNamespace(transport=SimpleNamespace(abort=lambda: None))
        await self.act(processor)


@dataclass(slots=True)
class Notes:
    """Notes what is told of connections; `subscribe` is the frame that subscribes."""

    frames: list[str] = field(default_factory=list)
    up: bool = False
    ends: int = 0

    def receive(self, text: str | bytes) -> None:
        self.frames.append(str(text))
        self.up = self.up or text == "subscribe"
        if text == "lost":
            raise StreamLostError("it is lost")

    def subscribed(self) -> bool:
        return self.up

    def ended(self) -> None:
        self.up = False
        self.ends += 1


def link_of(act: Act, notes: Notes, patience: LivePatience = IMPATIENT) -> StreamLink:
    return StreamLink(Vendor(lambda: Client(act), RefusedError), notes, patience, 1)


async def until(link: StreamLink, condition: Callable[[], bool]) -> None:
    task = asyncio.create_task(link.run())
    try:
        await eventually(lambda: task.done() or condition())
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, VendorAuthError):
            await task


async def returns(_: Callable[[Any], Awaitable[None]]) -> None:
    """End at once, without a word."""


async def refuses(_: Callable[[Any], Awaitable[None]]) -> None:
    raise RefusedError("no")


FAILURES = [OSError("gone"), KeyError("status"), json.JSONDecodeError("no", "", 0), TimeoutError()]


@pytest.mark.parametrize("error", FAILURES)
async def test_whatever_ends_a_connection_the_next_one_is_made(error: Exception) -> None:
    async def fails(_: Callable[[Any], Awaitable[None]]) -> None:
        raise error

    notes = Notes()
    link = link_of(fails, notes)
    await until(link, lambda: link.attempts >= 3)
    assert notes.ends >= 2
    assert link.connections == 0


async def test_no_minute_sees_more_attempts_than_are_allowed() -> None:
    link = link_of(returns, Notes(), replace(IMPATIENT, attempts_per_minute=5))
    task = asyncio.create_task(link.run())
    await eventually(lambda: link.attempts == 5)
    await asyncio.sleep(0.2)
    task.cancel()
    assert link.attempts == 5


async def test_a_key_that_is_refused_at_first_ends_the_stream() -> None:
    link = link_of(refuses, Notes())
    with pytest.raises(VendorAuthError, match="SIGNAL_SERVER_POLYGON_API_KEY"):
        await until(link, lambda: False)
    assert link.attempts == REFUSALS_AT_FIRST


async def test_a_key_that_was_good_may_be_refused_for_a_while() -> None:
    acts: list[Act] = []

    async def subscribes(processor: Callable[[Any], Awaitable[None]]) -> None:
        await processor("subscribe")

    async def next_act(processor: Callable[[Any], Awaitable[None]]) -> None:
        await (acts.pop(0) if acts else refuses)(processor)

    acts += [subscribes, *[refuses] * (REFUSALS_LATER - 1), subscribes]
    link = link_of(next_act, Notes())
    with pytest.raises(VendorAuthError):
        await until(link, lambda: False)
    assert link.connections == 2
    assert link.attempts == 2 * REFUSALS_LATER + 1


async def test_a_frame_that_condemns_the_connection_ends_it() -> None:
    async def says(processor: Callable[[Any], Awaitable[None]]) -> None:
        await processor("subscribe")
        await processor("lost")

    notes = Notes()
    link = link_of(says, notes)
    await until(link, lambda: link.connections >= 2)
    assert notes.frames[:2] == ["subscribe", "lost"]


async def test_a_quiet_market_makes_connections_ever_more_seldom() -> None:
    async def is_silent(processor: Callable[[Any], Awaitable[None]]) -> None:
        await processor("subscribe")
        await asyncio.Event().wait()

    # Three bars and this slack are 50 ms; each silence doubles it.
    patience = replace(IMPATIENT, connect_s=0.04, idle_slack_s=-2.95)
    link = link_of(is_silent, Notes(), patience)
    before = link._idle_s
    await until(link, lambda: link.connections >= 3)
    assert link._idle_s >= 4 * before
    link.bars_came()
    assert link._idle_s == pytest.approx(before)
