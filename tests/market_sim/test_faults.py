"""The switch: chances by seed, numbers of times, ends, and filters."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from market_sim.faults import ANYWHERE, FaultName, FaultSwitch, Where
from market_sim.kraken_timer import Timer
from tests.market_sim.markets import SetClock

BUSY, LATE = FaultName.KRAKEN_BUSY, FaultName.KRAKEN_LATE_FILL


def test_a_fault_strikes_as_often_as_it_may() -> None:
    faults = FaultSwitch()
    assert not faults.strikes(BUSY)
    faults.on(BUSY, remaining=2)
    assert [faults.strikes(BUSY) for _ in range(3)] == [True, True, False]
    assert faults.happened == {BUSY: 2}


def test_a_fault_ends_by_the_clock() -> None:
    clock = SetClock()
    faults = FaultSwitch(clock=clock)
    faults.on(BUSY, for_s=10)
    clock.forward(9.9)
    assert faults.strikes(BUSY)
    clock.forward(0.1)
    assert not faults.strikes(BUSY)
    assert faults.active(BUSY) is None


def test_a_fault_strikes_only_where_it_is_for() -> None:
    faults = FaultSwitch()
    faults.on(BUSY, remaining=1, only=Where("BTC-USD", "sell"))
    assert not faults.strikes(BUSY)
    assert not faults.strikes(BUSY, Where("BTC-USD", "buy", "AddOrder"))
    assert not faults.strikes(BUSY, Where("ETH-USD", "sell", "AddOrder"))
    assert faults.strikes(BUSY, Where("BTC-USD", "sell", "AddOrder", "stop-loss"))


def test_a_fault_that_lasts_counts_once() -> None:
    faults = FaultSwitch()
    faults.on(BUSY)
    assert all(faults.lasting(BUSY) is not None for _ in range(3))
    faults.on(BUSY)
    faults.lasting(BUSY)
    assert faults.happened == {BUSY: 2}


def test_everything_can_be_switched_off_at_once() -> None:
    faults = FaultSwitch()
    faults.on(BUSY)
    faults.on(LATE)
    faults.off(BUSY)
    assert [faults.strikes(name) for name in (BUSY, LATE)] == [False, True]
    faults.all_off()
    assert not faults.strikes(LATE)


@given(seed=st.integers(), others=st.lists(st.booleans(), min_size=20, max_size=20))
def test_chance_is_that_of_the_seed_whatever_else_is_on(seed: int, others: list[bool]) -> None:
    alone, together = FaultSwitch(seed), FaultSwitch(seed)
    alone.on(BUSY, probability=0.5)
    together.on(BUSY, probability=0.5)
    together.on(LATE, probability=0.5)
    for other in others:
        if other:
            together.strikes(LATE)
        assert alone.strikes(BUSY, ANYWHERE) == together.strikes(BUSY, ANYWHERE)


async def test_what_waits_is_done_in_its_order_when_its_time_has_come() -> None:
    clock, done = SetClock(), list[str]()
    timer = Timer(clock)
    timer.later(2, lambda: done.append("second"))
    timer.later(1, lambda: done.append("first"))
    timer.later(0, lambda: done.append("at once"))
    waiting = asyncio.create_task(timer.sleep(1))
    await asyncio.sleep(0)
    timer.tick()
    assert done == ["at once"]
    clock.forward(2)
    timer.tick()
    await waiting
    assert done == ["at once", "first", "second"]
