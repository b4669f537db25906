"""Calibration undoes over-confidence, keeps the order and knows when it knows too little."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from signal_server.training.calibration import (
    Beta,
    Calibration,
    Isotonic,
    Platt,
    Temperature,
    Uncalibrated,
    fit_beta,
    fit_isotonic,
    fit_platt,
    fit_temperature,
)
from signal_server.training.calibration_choice import (
    FITTERS,
    CalibrationRows,
    _halves,
    choose_calibration,
)

ADAPTER = TypeAdapter(Calibration)
FREE = (fit_temperature, fit_platt, fit_beta, fit_isotonic)


def _softmax(logits):
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _drawn(chances, rng):
    return (rng.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.int8)


def _rows(count, stretch, seed=0):
    """Return logits `stretch` times what they should be, and labels drawn from the right ones."""
    rng = np.random.default_rng(seed)
    true = np.column_stack([np.zeros(count), rng.normal(0, 1, count)])
    return stretch * true, _drawn(_softmax(true), rng)


def _overlapping(seed, *, distort=lambda logits: logits, classes=2, count=6000, overlap=6):
    """Return a calibration part whose neighbours share an outcome, and the true probabilities."""
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 0.5, (count // overlap, classes))
    true[:, 0] = 0
    labels = np.repeat(_drawn(_softmax(true), rng), overlap)
    true = np.repeat(true, overlap, axis=0)
    time = pd.date_range("2024-01-01", periods=len(labels), freq="300s", tz="UTC")
    return CalibrationRows(distort(true), labels, time, overlap * 300), _softmax(true)


def _divergence(true, said):
    """Return the mean Kullback-Leibler divergence: what the forecasts lose in nats."""
    return float((true * np.log(true / said)).sum(axis=1).mean())


@pytest.mark.parametrize("stretch", [0.5, 1.0, 3.0])
def test_the_slope_undoes_the_stretch_of_the_logits(stretch):
    logits, labels = _rows(20_000, stretch)
    assert fit_temperature(logits, labels, 20_000).slope == pytest.approx(1 / stretch, rel=0.06)


def test_the_base_rate_of_the_calibration_period_is_not_learned_by_the_temperature():
    logits, _ = _rows(20_000, 1.0)
    before = Temperature(tuple(logits.mean(axis=0)), 1.0).apply(logits)
    after = fit_temperature(logits, np.ones(20_000, dtype=np.int8), 20_000).apply(logits)
    assert after[:, 1].mean() == pytest.approx(before[:, 1].mean(), abs=0.03)


def test_a_slope_of_zero_is_the_base_rate():
    calibration = Temperature(center=(0.0, 2.0), slope=0.0)
    probabilities = calibration.apply(np.array([[0.0, 5.0], [0.0, -5.0]]))
    assert probabilities[:, 1] == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_a_wild_calibration_period_does_not_pass_for_overconfidence():
    rng = np.random.default_rng(0)
    logits = np.array([0.0, 2.5, 0.0]) + rng.normal(0, 0.02, (3000, 3))
    labels = rng.choice(3, 3000, p=[0.1, 0.8, 0.1]).astype(np.int8)
    assert fit_temperature(logits, labels, 1500).slope == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("fit", [fit_temperature, fit_platt, fit_beta])
def test_few_independent_rows_change_little(fit):
    logits, labels = _rows(2_000, 3.0)
    few, many = (
        _divergence(_softmax(logits), fit(logits, labels, count).apply(logits))
        for count in (2, 2_000)
    )
    assert few < many / 3


def test_logits_that_are_wrong_way_round_are_flattened_but_never_turned():
    logits, labels = _rows(20_000, -1.0)
    assert fit_temperature(logits, labels, 20_000).slope == 0.0


@pytest.mark.parametrize("fit", FREE)
def test_a_likelier_row_stays_likelier(fit):
    logits, labels = _rows(5_000, -1.0)
    order = np.argsort(logits[:, 1])
    up = fit(logits, labels, 5_000).apply(logits)[order, 1]
    assert (np.diff(up) >= -1e-12).all()


@pytest.mark.parametrize("fit", FREE)
def test_every_kind_undoes_a_stretch(fit):
    logits, labels = _rows(20_000, 2.0)
    true = _softmax(logits / 2)
    said = fit(logits, labels, 20_000).apply(logits)
    assert _divergence(true, said) < _divergence(true, _softmax(logits)) / 10


@pytest.mark.parametrize("fit", FREE)
def test_three_classes_are_calibrated_together(fit):
    rng = np.random.default_rng(0)
    true = rng.normal(0, 1, (20_000, 3))
    labels = _drawn(_softmax(true), rng)
    said = fit(2 * true, labels, 20_000).apply(2 * true)
    assert said.sum(axis=1) == pytest.approx(1.0)
    assert _divergence(_softmax(true), said) < _divergence(_softmax(true), _softmax(2 * true)) / 4


CALIBRATIONS = st.sampled_from([
    Uncalibrated(2),
    Temperature((0.3, -2.0), 4.0),
    Platt((0.5, 2.0), (0.1, -0.1)),
    Beta(((0.0, 2.0, 0.1), (3.0, 0.0, -0.2))),
    Isotonic((((0.2, 0.6), (0.0, 0.9)), ((0.4, 0.8), (0.0, 1.0)))),
])  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(calibration=CALIBRATIONS, seed=st.integers(0, 1000), scale=st.sampled_from([0.1, 5, 500]))
def test_probabilities_sum_to_one_and_are_never_negative(calibration, seed, scale):
    logits = np.random.default_rng(seed).normal(0, scale, (20, 2))
    probabilities = calibration.apply(logits)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert probabilities.sum(axis=1) == pytest.approx(1.0)


@given(calibration=CALIBRATIONS)
def test_every_kind_goes_through_json_unchanged(calibration):
    assert ADAPTER.validate_json(ADAPTER.dump_json(calibration)) == calibration


def test_a_calibration_written_before_there_were_kinds_is_a_temperature():
    read = ADAPTER.validate_json('{"center": [0.0, 0.5], "slope": 0.8}')
    assert read == Temperature((0.0, 0.5), 0.8)


def test_an_unknown_kind_is_refused_by_name():
    with pytest.raises(ValidationError, match="spline"):
        ADAPTER.validate_json('{"kind": "spline", "class_count": 2}')


@pytest.mark.parametrize("classes", [2, 3])
def test_the_choice_does_not_harm_what_is_calibrated_already(classes):
    losses = []
    for seed in range(20):
        rows, true = _overlapping(seed, classes=classes)
        said = choose_calibration(rows, seed).calibration.apply(rows.logits)
        losses.append(_divergence(true, said))
    assert np.mean([loss == 0.0 for loss in losses]) >= 0.8
    assert max(losses) < 0.01


def test_the_choice_finds_overconfidence_and_mends_it():
    rows, true = _overlapping(1, distort=lambda logits: 3 * logits)
    choice = choose_calibration(rows, 1)
    assert choice.calibration.kind != "none"
    assert _divergence(true, choice.calibration.apply(rows.logits)) < 0.01


def test_the_choice_finds_a_shift_that_holds_throughout():
    rows, true = _overlapping(2, distort=lambda logits: logits + np.array([0.0, 0.8]))
    choice = choose_calibration(rows, 2)
    assert choice.calibration.kind in {"platt", "beta", "isotonic"}
    assert _divergence(true, choice.calibration.apply(rows.logits)) < 0.01


def test_every_kind_is_a_candidate_and_the_simplest_has_none_to_beat():
    candidates = choose_calibration(_overlapping(3)[0], 3).candidates
    assert [one.kind for one in candidates] == list(FITTERS)
    assert [one.gain is None for one in candidates] == [True, False, False, False, False]
    assert candidates[0].kept


def test_the_last_kind_that_was_kept_is_the_one_used():
    choice = choose_calibration(_overlapping(1, distort=lambda logits: 3 * logits)[0], 1)
    assert [one.kind for one in choice.candidates if one.kept][-1] == choice.calibration.kind


def test_a_small_part_is_not_cut_in_two():
    rows, _ = _overlapping(4, count=480)
    choice = choose_calibration(rows, 4)
    assert isinstance(choice.calibration, Temperature)
    assert choice.candidates == ()


@pytest.mark.parametrize("fit", FREE)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_that_the_part_never_showed_stays_possible(fit, classes):
    logits = np.random.default_rng(1).normal(0, 0.3, (400, classes))
    found = fit(logits, np.zeros(400, dtype=np.int8), 400)
    assert found.apply(logits).min() > 1e-3


@pytest.mark.parametrize("fit", FREE)
def test_logits_that_are_all_the_same_are_calibrated_to_a_constant(fit):
    labels = np.tile(np.array([0, 1, 2], dtype=np.int8), 50)
    chances = fit(np.zeros((150, 3)), labels, 150).apply(np.zeros((150, 3)))
    assert chances == pytest.approx(np.full((150, 3), 1 / 3), abs=0.01)


@pytest.mark.parametrize("rows", [1, 2, 25])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_handful_of_rows_of_one_class_moves_a_calibration_little(rows, mirrored):
    logits = np.random.default_rng(1).normal(0, 0.3, (rows, 3))
    time = pd.date_range("2024-01-01", periods=rows, freq="1h", tz="UTC")
    part = CalibrationRows(logits, np.zeros(rows, dtype=np.int8), time, 3600)
    part = part.with_images() if mirrored else part
    chances = choose_calibration(part, 1).calibration.apply(logits)
    assert abs(chances - _softmax(logits)).max() < 0.2


def test_a_row_and_its_image_count_once_and_stay_on_one_side_of_the_cut():
    plain = _overlapping(4, classes=3)[0]
    both = plain.with_images()
    assert both.independent == plain.independent
    assert both.time.is_monotonic_increasing
    assert (both.logits[0::2] == plain.logits).all()
    assert (both.logits[1::2] == plain.logits[:, ::-1]).all()
    assert (both.labels[1::2] == 2 - plain.labels).all()
    for half, whole in zip(_halves(both), _halves(plain), strict=True):
        assert list(half.time[::2]) == list(whole.time)
        assert list(half.time[1::2]) == list(whole.time)


def test_the_choice_is_repeatable():
    rows, _ = _overlapping(5)
    assert choose_calibration(rows, 5) == choose_calibration(rows, 5)
