from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market_sim.trials.killing import Point
from market_sim.trials.kills import Rounds, play, run_rounds
from market_sim.trials.phases import Phase
from market_sim.trials.prices import coins
from market_sim.trials.script import COINS, Ends, script_of


@given(seed=st.integers(0, 1000), number=st.integers(0, 100))
def test_the_same_seed_gives_the_same_round(seed: int, number: int) -> None:
    symbols = coins(COINS)
    script = script_of(seed, number, symbols)
    assert script == script_of(seed, number, symbols)
    assert list(script.courses) == list(symbols)
    assert {Ends.STAYS, Ends.FALLS_WHILE_DEAD} <= {c.ends for c in script.courses.values()}


def test_rounds_can_be_taken_up_again(tmp_path: Path) -> None:
    path = tmp_path / "kills.json"
    rounds = Rounds(3, {0: [Point(0, 1, "BTC-USD", Phase.OPEN, ("sold twice",))]})
    rounds.write(path)
    assert Rounds.read(path, 3).points == rounds.points
    assert Rounds.read(path, 4).points == {}
    assert not Rounds.read(path, 3).passed


async def test_no_round_is_played_when_there_are_points_enough() -> None:
    rounds = Rounds(3, {0: [Point(0, 1, "BTC-USD", Phase.OPEN)]})
    await run_rounds(rounds, 1, jobs=2, report=lambda _number, _points: None)
    assert rounds.passed


@pytest.mark.e2e
async def test_a_killed_bot_takes_up_its_positions_and_sells_each_once() -> None:
    points, _ = await play(seed=7, number=2, count=4, time_limit_s=90)
    assert len(points) >= 6
    assert [point for point in points if point.problems] == []
