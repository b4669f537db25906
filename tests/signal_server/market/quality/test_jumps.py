"""Prices that move more than 50% in a bar."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.market.frames import bars_of
from signal_server.market.quality import BarChecker, BarFault, BarFlag, check_frame
from tests.signal_server.market.quality.frames import START, random_frame

NOW = START + timedelta(days=1)
BARS = 40
AT = 20
SPIKE = [BarFault.SPIKE]


def moved(rows: slice | list[int], times: float) -> pd.DataFrame:
    """Return bars whose prices are `times` higher in these rows."""
    frame = random_frame(BARS)
    frame.iloc[rows, :4] *= times
    return frame


def told(frame: pd.DataFrame) -> list[BarFault | tuple[BarFlag, ...]]:
    """Return what a live checker says of each bar."""
    checker = BarChecker(60)
    return [checker.check(bar, NOW) for bar in bars_of("BTC-USD", frame)]


@pytest.mark.parametrize("times", [1.6, 10.0, 0.4, 0.01])
@pytest.mark.parametrize("length", [1, 2, 4])
def test_a_spike_that_comes_back_is_refused_and_nothing_else(times: float, length: int) -> None:
    frame = moved(slice(AT, AT + length), times)
    checked = check_frame(frame, 60, now=NOW)
    assert checked.refused.index.tolist() == frame.index[AT : AT + length].tolist()
    assert checked.refused["reason"].tolist() == SPIKE * length
    assert not checked.flags.any()
    assert told(frame) == [(), *[()] * (AT - 1), *SPIKE * length, *[()] * (BARS - AT - length)]


@pytest.mark.parametrize("times", [1.6, 10.0, 0.4, 0.01])
def test_history_takes_a_crash_or_rally_that_stays_and_flags_its_first_bar(times: float) -> None:
    checked = check_frame(moved(slice(AT, None), times), 60, now=NOW)
    assert checked.refused.empty
    assert checked.flags_at(AT) == (BarFlag.JUMP,)
    assert np.flatnonzero(checked.flags).tolist() == [AT]


def test_the_stream_goes_on_by_itself_once_a_new_level_has_lasted_five_bars() -> None:
    answers = told(moved(slice(AT, None), 0.4))
    assert answers[AT : AT + 6] == [*SPIKE * 4, (BarFlag.JUMP,), ()]


def test_the_stream_goes_on_at_once_when_history_confirms_the_first_bar() -> None:
    frame = moved(slice(AT, None), 0.4)
    checker = BarChecker(60)
    checker.prime("BTC-USD", frame[:AT])
    jump, following = bars_of("BTC-USD", frame[AT : AT + 2])
    assert checker.check(jump, NOW) is BarFault.SPIKE
    confirmed = check_frame(frame[AT : AT + 1], 60, now=NOW, before=frame[:AT])
    assert confirmed.flags_at(0) == (BarFlag.JUMP,)
    checker.prime("BTC-USD", confirmed.good)
    assert checker.check(following, NOW) == ()


def test_a_bar_told_twice_does_not_help_a_level_to_settle() -> None:
    checker = BarChecker(60)
    frame = moved(slice(AT, None), 0.4)
    checker.prime("BTC-USD", frame[:AT])
    jump = bars_of("BTC-USD", frame[AT : AT + 1])[0]
    assert [checker.check(jump, NOW) for _ in range(9)] == SPIKE * 9


def test_prices_that_jump_about_are_no_level() -> None:
    frame = moved([AT], 3.0)
    frame.iloc[[AT + 1, AT + 3], :4] *= 9.0
    frame.iloc[[AT + 2], :4] *= 0.1
    assert check_frame(frame, 60, now=NOW).refused["reason"].tolist() == SPIKE * 4


def test_a_price_is_not_compared_with_one_of_more_than_an_hour_before() -> None:
    frame = moved(slice(AT, None), 5.0)
    later = frame.index.where(np.arange(BARS) < AT, frame.index + pd.Timedelta(hours=2))
    checked = check_frame(frame.set_axis(later), 60, now=NOW)
    assert checked.refused.empty
    assert not checked.flags.any()
    assert set(told(frame.set_axis(later))) == {()}


def test_a_new_level_before_a_long_pause_never_came_back() -> None:
    frame = moved(slice(AT, None), 5.0)
    later = frame.index.where(np.arange(BARS) < AT + 2, frame.index + pd.Timedelta(hours=2))
    checked = check_frame(frame.set_axis(later), 60, now=NOW)
    assert checked.refused.empty
    assert np.flatnonzero(checked.flags).tolist() == [AT]


def test_a_late_bar_far_from_the_newest_is_refused_and_changes_nothing() -> None:
    frame = random_frame(BARS)
    checker = BarChecker(60)
    checker.prime("BTC-USD", frame)
    late, newest = bars_of("BTC-USD", moved([AT], 3.0)[AT : AT + 1]), bars_of("BTC-USD", frame)
    assert checker.check(late[0], NOW) is BarFault.SPIKE
    assert checker.check(newest[AT], NOW) == ()


def test_a_bar_of_more_than_a_day_ago_does_not_come_from_the_stream() -> None:
    bar = bars_of("BTC-USD", random_frame(1))[0]
    assert BarChecker(60).check(bar, NOW) == ()
    assert BarChecker(60).check(bar, NOW + timedelta(minutes=2)) is BarFault.ANCIENT


def test_each_symbol_has_a_level_of_its_own() -> None:
    checker = BarChecker(60)
    checker.prime("BTC-USD", random_frame(BARS))
    far = moved(slice(None), 50.0)
    assert [checker.check(bar, NOW) for bar in bars_of("ETH-USD", far)] == [()] * BARS
