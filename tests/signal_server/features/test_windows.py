"""A window knows its own values and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from signal_server.features.windows import (
    Array,
    Ladder,
    before,
    ratio,
    rolling_deviation,
)


def rolling_sum(values: Array, length: int) -> Array:
    return Ladder(np.add, values).window(length)


def rolling_max(values: Array, length: int) -> Array:
    return Ladder(np.maximum, values).window(length)


series = st.lists(st.floats(-1e6, 1e6), max_size=60).map(np.array)
lengths = st.integers(2, 12)
BY_HAND = [
    (rolling_sum, np.sum),
    (rolling_max, np.max),
    (rolling_deviation, lambda windows, axis: np.std(windows, axis=axis, ddof=1)),
]


def storm_then(calm: Array) -> Array:
    """Return large moves, followed by `calm`."""
    return np.concatenate([np.random.default_rng(3).normal(0, 1e9, 50), calm])


@pytest.mark.parametrize(("rolling", "expected"), BY_HAND)
@given(values=series, length=lengths)
def test_every_window_is_what_it_is_by_hand(rolling, expected, values, length) -> None:
    found = rolling(values, length)
    assert np.isnan(found[: length - 1]).all()
    if len(values) >= length:
        by_hand = expected(sliding_window_view(values, length), axis=1)
        np.testing.assert_allclose(found[length - 1 :], by_hand, rtol=1e-9, atol=1e-6)


@given(value=st.floats(1e-9, 1e9), length=lengths)
def test_equal_values_have_no_deviation_at_all(value, length) -> None:
    after = rolling_deviation(storm_then(np.full(40, value)), length)[50 + length - 1 :]
    assert (after == 0.0).all()


@pytest.mark.parametrize("rolling", [rolling_sum, rolling_deviation])
def test_a_storm_leaves_no_digit_behind(rolling) -> None:
    calm = np.random.default_rng(4).normal(0, 1e-6, 200)
    after = rolling(storm_then(calm), 30)[-150:]
    np.testing.assert_allclose(after, rolling(calm, 30)[-150:], rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("rolling", [rolling for rolling, _ in BY_HAND])
def test_a_nan_spoils_the_windows_that_hold_it_and_no_other(rolling) -> None:
    values = np.arange(20.0)
    values[7] = np.nan
    spoiled = np.isnan(rolling(values, 5))
    assert spoiled.tolist() == [i < 4 or 7 <= i < 12 for i in range(20)]


def test_what_was_before_is_nan_at_the_start() -> None:
    np.testing.assert_array_equal(before(np.array([1.0, 2.0, 3.0]), 2), [np.nan, np.nan, 1.0])
    assert np.isnan(before(np.array([1.0]), 5)).all()


def test_a_ratio_to_nothing_is_neutral_but_nan_stays_nan() -> None:
    numerator, denominator = np.array([1.0, 5.0, np.nan, 1.0]), np.array([2.0, 0.0, 0.0, np.nan])
    with np.errstate(all="ignore"):
        found = ratio(numerator, denominator, 1.0)
    np.testing.assert_array_equal(found, [0.5, 1.0, np.nan, np.nan])
