"""A frame of history and one live bar after the other are judged alike."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.market.frames import bars_of
from signal_server.market.quality import BarChecker, BarFault, check_frame
from signal_server.market.quality.unusual import MIN_VOLUME_BARS
from tests.signal_server.market.quality.frames import START, random_frame

FAR_AHEAD = datetime(2030, 1, 1, tzinfo=UTC)
ALL_AGES = timedelta(days=36_500)

PRICES = st.sampled_from([100.0, 100.5, 60.0, 40.0, 180.0, 400.0, 0.0, -1.0, np.nan, np.inf])
VOLUMES = st.sampled_from([1.0, 0.0, -1.0, 500.0, np.nan])
OUT_OF_SCALE = [300, 1000, 300 + 1440 + 1, 2500]
STEPS_S = st.sampled_from([60, 60, 60, 61, 120, 7200])


@st.composite
def odd_frames(draw: st.DrawFn) -> pd.DataFrame:
    size = draw(st.integers(1, 30))
    steps = draw(st.lists(STEPS_S, min_size=size, max_size=size))
    closes = [START + timedelta(seconds=int(at)) for at in np.cumsum(steps)]
    rows = draw(st.lists(st.tuples(PRICES, PRICES, VOLUMES), min_size=size, max_size=size))
    opened, closed, volume = (np.array(column) for column in zip(*rows, strict=True))
    frame = random_frame(size)
    frame.index = pd.DatetimeIndex(closes, name="close_time").as_unit("us")
    high = np.maximum(opened, closed) * draw(st.sampled_from([1.0, 1.01, 0.9, 2.0]))
    low = np.minimum(opened, closed) * draw(st.sampled_from([1.0, 0.99, 1.1, 0.1]))
    return frame.assign(open=opened, high=high, low=low, close=closed, volume=volume)


def assert_same(frame: pd.DataFrame, before: pd.DataFrame | None = None) -> None:
    checked = check_frame(frame, 60, now=FAR_AHEAD, before=before, confirmed=False)
    checker = BarChecker(60, max_age=ALL_AGES)
    if before is not None:
        checker.prime("BTC-USD", before)
    told = [checker.check(bar, FAR_AHEAD) for bar in bars_of("BTC-USD", frame)]
    refused = [answer.value for answer in told if isinstance(answer, BarFault)]
    assert refused == checked.refused["reason"].tolist()
    used = [answer for answer in told if not isinstance(answer, BarFault)]
    assert used == [checked.flags_at(row) for row in range(len(checked.good))]


@settings(max_examples=300, deadline=None)
@given(odd_frames())
def test_every_odd_bar_gets_the_same_answer_both_ways(frame: pd.DataFrame) -> None:
    assert_same(frame)


@settings(max_examples=50, deadline=None)
@given(odd_frames(), st.integers(1, 60))
def test_so_it_does_after_bars_that_are_known(frame: pd.DataFrame, known: int) -> None:
    assert_same(frame, random_frame(known, end=START))


@pytest.mark.parametrize("seed", range(3))
def test_volume_and_stillness_are_seen_alike_over_thousands_of_bars(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = random_frame(3000, seed=seed)
    frame.iloc[OUT_OF_SCALE, frame.columns.get_loc("volume")] = 1e6
    for start in rng.integers(MIN_VOLUME_BARS, 2900, 5):
        still = frame.index[start : start + 40]
        frame.loc[still, ["open", "high", "low", "close"]] = frame["close"].iloc[start]
    assert_same(frame[1000:], frame[:1000])
    assert_same(frame)
    checked = check_frame(frame, 60, now=FAR_AHEAD)
    assert {flag for row in range(3000) for flag in checked.flags_at(row)} == {
        "volume_outlier",
        "flat_run",
    }
