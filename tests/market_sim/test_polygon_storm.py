"""Polygon's storm: repeatable, and of every kind that can be lived through."""

import asyncio

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_storm import Gust, storm
from market_sim.polygon_storm import BARS, polygon_storm, unleash

NOT_TO_BE_LIVED_THROUGH = {FaultName.REST_IMPOSSIBLE_BAR, FaultName.STREAM_LOST_BAR}


def test_every_kind_comes_before_one_comes_again() -> None:
    names = [gust.name for gust in storm(3, 3 * len(BARS), every_s=1, kinds=BARS)]
    assert len(set(names[: len(BARS)])) == len(BARS)


def test_every_fault_that_can_be_lived_through_comes() -> None:
    names = [gust.name for gust in polygon_storm(3, 1_000, every_s=2)]
    assert len(names) > 600
    polygon = {name for name in FaultName if name.startswith(("rest_", "stream_"))}
    assert set(names) == polygon - NOT_TO_BE_LIVED_THROUGH


def test_a_storm_is_that_of_its_seed() -> None:
    assert polygon_storm(1, 60) == polygon_storm(1, 60)
    assert polygon_storm(1, 60) != polygon_storm(2, 60)


async def test_gusts_are_switched_on_in_their_turn() -> None:
    faults = FaultSwitch()
    gusts = [
        Gust(0.0, FaultName.STREAM_DROP, 1, None, None),
        Gust(0.05, FaultName.STREAM_LATE_BAR, None, 60, 2.0, probability=0.0),
        Gust(3600.0, FaultName.REST_RESET, 1, None, None),
    ]
    task = asyncio.create_task(unleash(gusts, faults))
    async with asyncio.timeout(20):
        while len(faults.names) < 2:  # noqa: ASYNC110 (what is awaited happens in time)
            await asyncio.sleep(0.01)
    task.cancel()
    assert faults.names == {FaultName.STREAM_DROP, FaultName.STREAM_LATE_BAR}
    assert faults.strikes(FaultName.STREAM_DROP)
    assert not faults.strikes(FaultName.STREAM_LATE_BAR)
