"""Bars that are used, and flagged."""

from datetime import timedelta

import numpy as np
import pytest

from signal_server.market.quality import BarFlag, check_frame, flags_of
from signal_server.market.quality.unusual import MIN_VOLUME_BARS, VOLUME_TIMES
from tests.signal_server.market.quality.frames import START, random_frame

NOW = START + timedelta(days=9)
PRICES = ["open", "high", "low", "close"]


def test_a_price_that_stands_still_for_ten_minutes_is_flagged_until_it_moves() -> None:
    frame = random_frame(60)
    frame.loc[frame.index[20:40], PRICES] = frame["close"].iloc[19]
    flags = check_frame(frame, 60, now=NOW).flags
    assert np.flatnonzero(flags).tolist() == list(range(29, 40))
    assert flags_of(int(flags[29])) == (BarFlag.FLAT_RUN,)


def test_a_run_is_counted_from_before_the_frame() -> None:
    frame = random_frame(60)
    frame.loc[frame.index[20:40], PRICES] = frame["close"].iloc[19]
    whole = check_frame(frame, 60, now=NOW).flags
    for cut in (20, 25, 30, 39, 40):
        part = check_frame(frame[cut:], 60, now=NOW, before=frame[:cut])
        assert part.flags.tolist() == whole[cut:].tolist()


def test_bars_of_one_price_each_that_differ_from_one_another_stand_not_still() -> None:
    frame = random_frame(60)
    for name in PRICES:
        frame[name] = frame["close"]
    assert not check_frame(frame, 60, now=NOW).flags.any()


@pytest.mark.parametrize(("times", "flagged"), [(VOLUME_TIMES, False), (VOLUME_TIMES * 1.01, True)])
def test_volume_is_out_of_scale_beyond_five_times_the_largest_of_a_day(
    times: float, flagged: bool
) -> None:
    frame = random_frame(2000)
    day = frame["volume"].iloc[1999 - 1440 : 1999].max()
    frame.loc[frame.index[1999], "volume"] = day * times
    checked = check_frame(frame, 60, now=NOW)
    assert checked.flags_at(1999) == ((BarFlag.VOLUME_OUTLIER,) if flagged else ())
    assert not checked.flags[:1999].any()


def test_a_few_bars_make_no_scale() -> None:
    frame = random_frame(MIN_VOLUME_BARS + 1)
    frame.loc[frame.index[MIN_VOLUME_BARS - 1], "volume"] = 1e6
    assert not check_frame(frame, 60, now=NOW).flags.any()
    frame.loc[frame.index[MIN_VOLUME_BARS], "volume"] = 1e8
    checked = check_frame(frame, 60, now=NOW)
    assert checked.flags_at(MIN_VOLUME_BARS) == (BarFlag.VOLUME_OUTLIER,)
