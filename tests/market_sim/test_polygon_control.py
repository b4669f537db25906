"""Polygon's faults, switched from another process."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession

from market_sim.faults import FaultName, FaultSwitch
from market_sim.polygon_control import PolygonControl


class Caller:
    """What another process would do."""

    def __init__(self, session: ClientSession, url: str, faults: FaultSwitch) -> None:
        self.faults = faults
        self._session, self._url = session, url

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        async with self._session.request(method, self._url + path, json=body) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def caller() -> AsyncIterator[Caller]:
    faults = FaultSwitch()
    control = PolygonControl(faults)
    async with ClientSession() as session:
        yield Caller(session, await control.start(), faults)
    await control.stop()


async def test_a_fault_is_switched_on_for_one_coin_and_off(caller: Caller) -> None:
    wanted = {"name": "stream_late_bar", "symbol": "BTC-USD", "amount": 2, "probability": 0.5}
    assert await caller.call("POST", "/faults", wanted) == (200, {})
    assert caller.faults.names == {FaultName.STREAM_LATE_BAR}
    assert await caller.call("DELETE", "/faults/stream_late_bar") == (200, {})
    assert caller.faults.names == set()


async def test_all_faults_are_switched_off_at_once_and_what_struck_is_told(caller: Caller) -> None:
    await caller.call("POST", "/faults", {"name": "rest_reset"})
    assert caller.faults.strikes(FaultName.REST_RESET)
    assert await caller.call("DELETE", "/faults") == (200, {})
    assert not caller.faults.strikes(FaultName.REST_RESET)
    assert await caller.call("GET", "/faults") == (200, {"rest_reset": 1})


@pytest.mark.parametrize(
    ("wanted", "says"),
    [({"name": "bad_luck"}, "docs/market_sim.md"), ({"name": "rest_reset", "x": 1}, "no x")],
)
async def test_a_fault_that_makes_no_sense_is_refused(
    caller: Caller, wanted: dict[str, object], says: str
) -> None:
    status, body = await caller.call("POST", "/faults", wanted)
    assert status == 400
    assert says in body["error"]
    assert (await caller.call("DELETE", "/faults/bad_luck"))[0] == 404


async def test_a_storm_is_told_before_it_comes(caller: Caller) -> None:
    status, gusts = await caller.call("POST", "/storm", {"seed": 1, "seconds": 60, "every_s": 0.5})
    assert status == 200
    assert len(gusts) > 60
    assert (
        gusts
        == (await caller.call("POST", "/storm", {"seed": 1, "seconds": 60, "every_s": 0.5}))[1]
    )
