"""Scores agree with the field's library, and their terms carry the right spread."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from signal_server.training.metrics import (
    auc_terms,
    brier_scores,
    calibration_error,
    calibration_noise,
    log_losses,
    rank_correlation_terms,
)


def _rows(seed, count=200, classes=3):
    rng = np.random.default_rng(seed)
    odds = rng.random((count, classes)) + 0.01
    return odds / odds.sum(axis=1, keepdims=True), rng.integers(0, classes, count).astype(np.int8)


def test_log_loss_and_brier_score_are_those_of_scikit_learn():
    probabilities, labels = _rows(0)
    assert log_losses(probabilities, labels).mean() == pytest.approx(
        log_loss(labels, probabilities)
    )
    two, sides = _rows(1, classes=2)
    ours = brier_scores(two, sides).mean() / 2
    assert ours == pytest.approx(brier_score_loss(sides, two[:, 1]))


def test_one_constant_forecast_stands_for_every_row():
    labels = np.array([0, 1, 1], dtype=np.int8)
    assert brier_scores(np.array([[0.5, 0.5]]), labels) == pytest.approx([0.5, 0.5, 0.5])


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50))
def test_the_mean_of_the_auc_terms_is_the_auc_ties_and_all(seed, levels):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, levels, 100).astype(np.float64)
    positive = rng.random(100) < 0.4
    positive[:2] = True, False
    assert auc_terms(score, positive).mean() == pytest.approx(roc_auc_score(positive, score))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), levels=st.integers(2, 50))
def test_the_mean_of_the_rank_correlation_terms_is_spearmans(seed, levels):
    rng = np.random.default_rng(seed)
    score = np.append(rng.integers(0, levels, 98), [-1, 99]).astype(np.float64)
    right = rng.random(100) < 0.6
    right[:2] = True, False
    found = rank_correlation_terms(score, right).mean()
    assert found == pytest.approx(stats.spearmanr(score, right).statistic)


def test_the_spread_of_the_auc_terms_is_that_of_the_auc():
    areas, spreads = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        positive = rng.random(400) < 0.3
        terms = auc_terms(rng.normal(size=400) + positive, positive)
        areas.append(terms.mean())
        spreads.append(terms.std() / np.sqrt(400))
    assert np.mean(spreads) == pytest.approx(np.std(areas), rel=0.12)


def test_one_sided_rows_have_no_auc_and_equal_scores_no_rank():
    assert auc_terms(np.arange(5.0), np.ones(5, dtype=np.bool_)) is None
    right = np.array([True, False, True, False])
    assert rank_correlation_terms(np.full(4, 0.6), right) is None


def test_the_calibration_error_of_a_constant_boast_is_the_boast():
    correct = np.tile([1.0, 0.0], 500)
    assert calibration_error(np.full(1000, 0.8), correct) == pytest.approx(0.3)


def _overlapping(seed, blocks=200, rows_of_one=10):
    """Perfectly calibrated calls whose outcomes are the same all through a block."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 0.7, blocks * rows_of_one)
    luck = np.repeat(rng.random(blocks), rows_of_one)
    return confidence, (luck < confidence).astype(np.float64), np.arange(len(luck)) // rows_of_one


def test_the_noise_of_a_calibration_error_is_what_perfect_calibration_shows_though_rows_overlap():
    worlds = [_overlapping(seed) for seed in range(100)]
    shown = np.mean([calibration_error(*world[:2]) for world in worlds])
    foreseen = np.mean([calibration_noise(*world, seed=1) for world in worlds])
    assert foreseen == pytest.approx(shown, rel=0.1)


@pytest.mark.parametrize("blocks", [5, 20])
def test_the_noise_is_known_though_each_bin_lies_in_few_blocks(blocks):
    shown, foreseen = [], []
    for seed in range(200):
        confidence, correct, number = _overlapping(seed, blocks, 60)
        confidence = np.repeat(confidence[::60], 60)
        correct = np.repeat(correct[::60], 60)
        shown.append(calibration_error(confidence, correct))
        foreseen.append(calibration_noise(confidence, correct, number, seed=1))
    assert np.mean(foreseen) == pytest.approx(np.mean(shown), rel=0.15)


def test_the_noise_of_rows_of_a_single_block_is_not_known():
    confidence, correct, _ = _overlapping(1)
    assert calibration_noise(confidence, correct, np.zeros(len(correct), np.int64), seed=1) is None


def test_the_noise_of_a_calibration_error_knows_nothing_of_boasts():
    confidence, correct, blocks = _overlapping(3)
    assert calibration_error(confidence + 0.2, correct) > 0.15
    honest = calibration_noise(confidence, correct, blocks, seed=1)
    assert calibration_noise(confidence + 0.2, correct, blocks, seed=1) == pytest.approx(honest)
