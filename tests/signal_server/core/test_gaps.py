"""What counts as a hole, before a bar and after it."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.gaps import missing_allowed, whole_after, whole_before


def minutes(*numbers: int) -> pd.DatetimeIndex:
    start = pd.Timestamp("2026-01-01", tz="UTC")
    return pd.DatetimeIndex([start + pd.Timedelta(minutes=number) for number in numbers])


def test_without_enough_bars_before_it_no_bar_is_whole() -> None:
    assert whole_before(minutes(0, 1, 2, 3), 3, 60).tolist() == [False, False, True, True]
    assert whole_before(minutes(0, 1), 3, 60).tolist() == [False, False]
    assert whole_before(minutes(), 3, 60).tolist() == []


def test_a_hole_lasts_until_it_has_left_the_warm_up() -> None:
    closes = minutes(0, 1, 2, 30, 31, 32)
    assert whole_before(closes, 3, 60).tolist() == [False, False, True, False, False, True]


def test_a_hole_in_the_newest_hour_weighs_more_than_an_old_one() -> None:
    whole = whole_before(minutes(*range(500), *range(520, 1000)), 480, 60)
    assert not whole[500:550].any()
    assert whole[560:].all()


def test_a_horizon_that_ends_in_a_hole_is_not_whole() -> None:
    closes = minutes(*range(20), *range(200, 220))
    whole = whole_after(closes, 600, 60)
    assert whole[:14].all()
    assert not whole[15:20].any()
    assert whole[20:30].all()


@given(st.sets(st.integers(0, 400), min_size=2), st.integers(2, 50))
def test_a_bar_is_whole_when_as_few_are_missing_as_allowed(chosen: set[int], have: int) -> None:
    numbers = sorted(chosen)
    whole = whole_before(minutes(*numbers), have, 60)
    for last in range(have - 1, len(numbers)):
        missing = numbers[last] - numbers[last - have + 1] + 1 - have
        assert whole[last] == (missing <= missing_allowed(have))
