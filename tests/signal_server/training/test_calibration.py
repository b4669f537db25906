"""Calibration undoes over-confidence, keeps the order and knows when it knows too little."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.training.calibration import Calibration, fit_calibration


def _rows(count, stretch, seed=0):
    """Return logits `stretch` times what they should be, and labels drawn from the right ones."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 1, count)
    labels = (rng.random(count) < 1 / (1 + np.exp(-true))).astype(np.int8)
    return np.column_stack([np.zeros(count), stretch * true]), labels


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
def test_the_slope_undoes_the_stretch_of_the_logits(stretch):
    logits, labels = _rows(20_000, stretch)
    assert fit_calibration(logits, labels, 20_000).slope == pytest.approx(1 / stretch, rel=0.06)


def test_the_base_rate_of_the_calibration_period_is_not_learned():
    logits, _ = _rows(20_000, 1.0)
    before = Calibration(tuple(logits.mean(axis=0)), 1.0).apply(logits)
    after = fit_calibration(logits, np.ones(20_000, dtype=np.int8), 20_000).apply(logits)
    assert after[:, 1].mean() == pytest.approx(before[:, 1].mean(), abs=0.03)


def test_a_slope_of_zero_is_the_base_rate():
    calibration = Calibration(center=(0.0, 2.0), slope=0.0)
    probabilities = calibration.apply(np.array([[0.0, 5.0], [0.0, -5.0]]))
    assert probabilities[:, 1] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_a_wild_calibration_period_does_not_pass_for_overconfidence():
    rng = np.random.default_rng(0)
    logits = np.array([0.0, 2.5, 0.0]) + rng.normal(0, 0.02, (3000, 3))
    labels = rng.choice(3, 3000, p=[0.1, 0.8, 0.1]).astype(np.int8)
    assert fit_calibration(logits, labels, 1500).slope == pytest.approx(1.0, abs=0.1)


def test_few_independent_rows_change_little():
    logits, labels = _rows(2_000, 3.0)
    few, many = (fit_calibration(logits, labels, count) for count in (2, 2_000))
    assert abs(few.slope - 1) < abs(many.slope - 1)
    assert few.slope > 0.7


def test_logits_that_are_wrong_way_round_are_flattened_but_never_turned():
    logits, labels = _rows(20_000, -1.0)
    assert fit_calibration(logits, labels, 20_000).slope == 0.0


@settings(max_examples=50, deadline=None)
@given(
    slope=st.floats(0, 5),
    center=st.lists(st.floats(-3, 3), min_size=2, max_size=3),
    seed=st.integers(0, 1000),
)
def test_probabilities_sum_to_one_and_are_never_negative(slope, center, seed):
    logits = np.random.default_rng(seed).normal(0, 200, (20, len(center)))
    probabilities = Calibration(tuple(center), slope).apply(logits)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1.0)


def test_three_classes_are_calibrated_together():
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1, (20_000, 3))
    odds = np.exp(true) / np.exp(true).sum(axis=1, keepdims=True)
    labels = (rng.random((20_000, 1)) > odds.cumsum(axis=1)).sum(axis=1).astype(np.int8)
    assert fit_calibration(2 * true, labels, 20_000).slope == pytest.approx(0.5, rel=0.06)
