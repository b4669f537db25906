"""Baselines see the past alone, and learn what a straight line can."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from signal_server.training.baselines import last_direction, logistic_regression, rivals_of


def _parts(dataset):
    rows = np.arange(len(dataset))
    return rows[: len(rows) // 2], rows[len(rows) // 2 :]


def test_the_last_direction_is_the_label_of_the_row_one_horizon_before(make_dataset):
    dataset = make_dataset()
    fit_rows, rows = _parts(dataset)
    assert (last_direction(dataset, fit_rows, rows).predicted == dataset.labels[rows - 3]).all()


def test_the_last_direction_is_that_of_the_symbol_itself(make_dataset):
    dataset = make_dataset()
    codes = (np.arange(len(dataset)) % 2).astype(np.int16)
    dataset = replace(dataset, symbol_codes=codes, symbols=("BTC-USD", "ETH-USD"))
    fit_rows, rows = _parts(dataset)
    assert (last_direction(dataset, fit_rows, rows).predicted == dataset.labels[rows - 4]).all()


def test_outcomes_that_become_known_out_of_order_are_taken_in_the_order_they_are_known(
    make_dataset,
):
    dataset = make_dataset(rows=100)
    wait = np.random.default_rng(0).integers(1, 20, 100) * 300
    dataset = replace(dataset, known_at=dataset.time + pd.to_timedelta(wait, unit="s"))
    fit_rows, rows = _parts(dataset)
    predicted = last_direction(dataset, fit_rows, rows).predicted
    for row, label in zip(rows, predicted, strict=True):
        known = dataset.known_at[dataset.known_at <= dataset.time[row]].max()
        newest = np.flatnonzero(dataset.known_at == known)
        assert label in dataset.labels[newest]


def test_without_a_known_label_it_is_the_commonest_of_the_rows_fitted_on(make_dataset):
    dataset = make_dataset(rows=100)
    dataset.labels[:50] = 1
    predicted = last_direction(dataset, np.arange(50), np.arange(3)).predicted
    assert predicted.tolist() == [1, 1, 1]


def test_a_straight_edge_is_found_by_logistic_regression(make_dataset):
    dataset = make_dataset(momentum=0.5)
    fit_rows, rows = _parts(dataset)
    rival = logistic_regression(dataset, fit_rows, rows)
    assert (rival.predicted == dataset.labels[rows]).mean() > 0.6
    assert rival.probabilities.sum(axis=1) == pytest.approx(1.0)


def test_missing_and_infinite_features_do_no_harm(make_dataset):
    dataset = make_dataset(momentum=0.5)
    dataset.features[::7, 0] = np.nan
    dataset.features[::11, 1] = np.inf
    dataset.features[:, 2] = np.nan
    fit_rows, rows = _parts(dataset)
    assert np.isfinite(logistic_regression(dataset, fit_rows, rows).probabilities).all()


def test_later_rows_do_not_change_earlier_forecasts(make_dataset):
    dataset = make_dataset(momentum=0.5)
    fit_rows, rows = _parts(dataset)
    before = rivals_of(dataset, fit_rows, rows[:1000])
    dataset.features[rows[1000:]] = 0
    dataset.labels[rows[1000:]] = 1 - dataset.labels[rows[1000:]]
    after = rivals_of(dataset, fit_rows, rows[:1000])
    assert (before[0].predicted == after[0].predicted).all()
    assert (before[1].probabilities == after[1].probabilities).all()


def test_a_single_class_to_learn_from_gives_that_class(make_dataset):
    dataset = make_dataset(rows=100)
    dataset.labels[:50] = 1
    rival = logistic_regression(dataset, np.arange(50), np.arange(50, 100))
    assert (rival.probabilities[:, 1] == 1.0).all()


def test_a_dataset_without_features_has_the_last_direction_alone(make_dataset):
    dataset = make_dataset(rows=100)
    empty = replace(dataset, features=np.empty((100, 0), dtype=np.float32))
    assert [rival.name for rival in rivals_of(empty, *_parts(empty))] == ["last known direction"]
