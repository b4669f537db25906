"""Uniqueness is that of the book: the mean over a label's time of one over the labels active."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.training.weights import average_uniqueness, row_weights

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 15)), min_size=1, max_size=25)


def _unique(spans: list[tuple[int, int]]) -> np.ndarray:
    start = np.array([begin for begin, _ in spans], dtype=np.int64)
    length = np.array([length for _, length in spans], dtype=np.int64)
    return average_uniqueness(start, start + length)


def test_labels_that_do_not_overlap_are_unique() -> None:
    assert _unique([(0, 5), (5, 5), (20, 1)]).tolist() == [1.0, 1.0, 1.0]


def test_two_labels_over_the_same_time_share_it() -> None:
    assert _unique([(0, 5), (0, 5)]).tolist() == [0.5, 0.5]


def test_a_label_that_is_overlapped_by_half_is_unique_by_three_quarters() -> None:
    assert _unique([(0, 4), (2, 4)]).tolist() == [0.75, 0.75]


@given(spans=SPANS)
def test_uniqueness_is_the_mean_of_one_over_the_active_labels(spans: list[tuple[int, int]]) -> None:
    active = np.zeros(60)
    for begin, length in spans:
        active[begin : begin + length] += 1
    expected = [np.mean(1 / active[begin : begin + length]) for begin, length in spans]
    np.testing.assert_allclose(_unique(spans), expected, rtol=1e-12)


@given(spans=SPANS, at=st.integers(1, 50))
def test_what_starts_after_a_label_ended_does_not_change_its_weight(
    spans: list[tuple[int, int]], at: int
) -> None:
    before = [span for span in spans if span[0] < at]
    after = [span for span in spans if span[0] >= at]
    ended = [begin + length <= at for begin, length in before]
    whole = _unique(before + after)[: len(before)]
    np.testing.assert_allclose(whole[ended], _unique(before)[ended] if before else [], rtol=1e-12)


def test_scaled_weights_have_a_mean_of_one() -> None:
    scaled = row_weights(np.array([0.1, 0.3], dtype=np.float32))
    assert scaled.dtype == np.float32
    assert scaled.tolist() == pytest.approx([0.5, 1.5])


def test_no_label_weighs_as_much_as_hundreds() -> None:
    weights = row_weights(np.append(np.full(999, 0.004), 1.0).astype(np.float32))
    assert weights.mean() == pytest.approx(1.0, rel=1e-6)
    assert weights[-1] == pytest.approx(10 * weights[0], rel=0.3)
