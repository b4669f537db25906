"""Parts are ordered in time and no label reaches into the next part."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.errors import NoHistoryError
from signal_server.training.splits import split_by_time, windows_of


@settings(max_examples=60, deadline=None)
@given(gap_seed=st.integers(0, 10_000), rows=st.integers(400, 900), horizon_s=st.integers(1, 3600))
def test_no_label_of_a_part_is_known_after_the_next_part_begins(
    make_training, gap_seed, rows, horizon_s
):
    gaps = np.random.default_rng(gap_seed).integers(0, 900, rows)
    time = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.cumsum(gaps), unit="s")
    known_at = time + pd.Timedelta(seconds=horizon_s)
    split = split_by_time(time, known_at, make_training())
    for earlier, later in pairwise(split.parts):
        assert known_at[earlier.rows].max() < time[later.rows].min()


def test_the_purge_takes_exactly_the_rows_whose_label_reaches_over_the_border(make_training):
    time = pd.date_range("2024-01-01", periods=1000, freq="60s", tz="UTC")
    split = split_by_time(time, time + pd.Timedelta(seconds=600), make_training())
    assert [len(part.rows) for part in split.parts] == [490, 140, 140, 200]
    assert split.train.rows[-1] == 489
    assert [int(part.rows[0]) for part in split.parts] == [0, 500, 650, 800]


def test_rows_of_one_moment_stay_in_one_part(make_training):
    time = pd.date_range("2024-01-01", periods=333, freq="60s", tz="UTC").repeat(3)
    split = split_by_time(time, time + pd.Timedelta(seconds=60), make_training())
    for earlier, later in pairwise(split.parts):
        assert not set(time[earlier.rows]) & set(time[later.rows])


def test_windows_tell_the_first_and_last_row_and_when_the_last_label_was_known(make_training):
    time = pd.date_range("2024-01-01", periods=1000, freq="60s", tz="UTC")
    known_at = time + pd.Timedelta(seconds=600)
    windows = windows_of(split_by_time(time, known_at, make_training()), time, known_at)
    assert windows.train.start == time[0].to_pydatetime()
    assert windows.train.last_known_at < windows.validation.start
    assert windows.test.end == time[-1].to_pydatetime()
    assert windows.test.rows == 200
    assert windows.test.start.utcoffset().total_seconds() == 0


def test_too_few_rows_are_refused_with_what_to_do(make_training):
    time = pd.date_range("2024-01-01", periods=50, freq="60s", tz="UTC")
    with pytest.raises(NoHistoryError, match="backfill a longer history"):
        split_by_time(time, time, make_training())


def test_a_horizon_that_eats_a_part_is_refused_by_the_part_s_name(make_training):
    time = pd.date_range("2024-01-01", periods=1000, freq="60s", tz="UTC")
    with pytest.raises(NoHistoryError, match="the validation part has 0 rows"):
        split_by_time(time, time + pd.Timedelta(hours=4), make_training())
