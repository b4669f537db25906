"""Live rows are compared with the rows of the training, decile by decile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.errors import ModelError
from signal_server.training.reference import (
    Distribution,
    make_reference,
    reference_from_json,
    reference_to_json,
    stability_index,
)
from signal_server.training.splits import Part


def test_deciles_hold_a_tenth_each():
    found = Distribution.of(np.arange(1000.0))
    assert len(found.edges) == 9
    assert np.allclose(found.shares, 0.1)


def test_missing_values_are_counted_apart():
    values = np.array([1.0, 2.0, np.nan, 4.0])
    found = Distribution.of(values)
    assert found.missing == 0.25
    assert sum(found.shares) == pytest.approx(1)


@pytest.mark.parametrize("values", [np.full(50, 3.0), np.full(50, np.nan), np.empty(0)])
def test_a_feature_that_never_moves_has_a_distribution_too(values):
    found = Distribution.of(values)
    assert len(found.shares) == len(found.edges) + 1
    assert stability_index(found, found.shares_of(values)) == 0


def test_the_same_values_have_no_drift_and_others_much():
    rng = np.random.default_rng(1)
    reference = Distribution.of(rng.normal(size=20_000))
    same = stability_index(reference, reference.shares_of(rng.normal(size=20_000)))
    moved = stability_index(reference, reference.shares_of(rng.normal(1, 1, size=20_000)))
    assert same < 0.01
    assert moved > 0.5


def test_values_that_go_missing_are_drift():
    values = np.arange(1000.0)
    reference = Distribution.of(values)
    half = np.where(values % 2 == 0, values, np.nan)
    assert stability_index(reference, reference.shares_of(half)) > 0.25


@given(
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=60),
    st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=1, max_size=60),
)
def test_the_index_is_finite_and_never_below_zero(before, now):
    reference = Distribution.of(np.array(before))
    found = stability_index(reference, reference.shares_of(np.array(now)))
    assert np.isfinite(found)
    assert found >= -1e-12


def test_a_reference_comes_back_as_it_went(make_dataset):
    dataset = make_dataset()
    parts = Part("train", np.arange(4000)), Part("test", np.arange(5000, 6000))
    reference = make_reference(dataset, parts, np.full(100, 0.6))
    assert reference_from_json(reference_to_json(reference)) == reference
    assert set(reference.features) == set(dataset.names)
    assert (reference.rows, reference.end) == (4000, dataset.time[3999])


def test_the_drift_that_the_test_part_already_had_is_told(make_dataset):
    dataset = make_dataset()
    dataset.features[5000:, 2] += 1
    parts = Part("train", np.arange(4000)), Part("test", np.arange(5000, 6000))
    drift = make_reference(dataset, parts, np.full(100, 0.6)).test_drift
    assert drift[dataset.names[2]] > 1
    assert all(drift[name] < 0.1 for name in dataset.names if name != dataset.names[2])


def test_what_is_no_reference_is_refused():
    with pytest.raises(ModelError, match="reference does not fit"):
        reference_from_json(b"{}")
