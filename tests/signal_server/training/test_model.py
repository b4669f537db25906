"""The booster sees its two parts, is repeatable, and finds what was planted."""

from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.config import SampleWeights
from signal_server.core.errors import ModelError
from signal_server.training.model import (
    fit_booster,
    logits,
    open_booster,
    refit_booster,
    refit_rounds,
)
from signal_server.training.splits import split_by_time


def _fit(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    return fit_booster(dataset, (split.train, split.validation), training, lambda _: None)


def _scrambled(dataset, rows, seed=3):
    rng = np.random.default_rng(seed)
    features, labels = dataset.features.copy(), dataset.labels.copy()
    features[rows] = rng.permutation(features[rows])
    labels[rows] = rng.permutation(labels[rows])
    return replace(dataset, features=features, labels=labels)


def test_the_same_rows_and_seed_give_the_same_bytes(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training()
    assert _fit(dataset, training).raw == _fit(dataset, training).raw


def test_another_seed_gives_another_booster(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    assert _fit(dataset, make_training()).raw != _fit(dataset, make_training(seed=8)).raw


def test_shuffling_calibration_and_test_rows_does_not_change_the_booster(
    make_dataset, make_training
):
    dataset, training = make_dataset(momentum=0.5), make_training()
    split = split_by_time(dataset.time, dataset.known_at, training)
    later = np.arange(split.calibration.rows[0], len(dataset))
    assert _fit(dataset, training).raw == _fit(_scrambled(dataset, later), training).raw


def test_shuffling_the_purged_rows_does_not_change_the_booster(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training()
    split = split_by_time(dataset.time, dataset.known_at, training)
    kept = np.concatenate([part.rows for part in split.parts])
    purged = np.setdiff1d(np.arange(len(dataset)), kept)
    assert len(purged) == 9
    dataset_without = replace(dataset, labels=dataset.labels.copy())
    dataset_without.labels[purged] = 1 - dataset_without.labels[purged]
    assert _fit(dataset, training).raw == _fit(dataset_without, training).raw


def test_early_stopping_follows_the_validation_part(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training()
    split = split_by_time(dataset.time, dataset.known_at, training)
    scrambled = _scrambled(dataset, split.validation.rows)
    assert _fit(scrambled, training).rounds < _fit(dataset, training).rounds


def test_a_booster_keeps_its_best_round_and_none_after_it(make_dataset, make_training):
    fitted = _fit(make_dataset(), make_training())
    assert open_booster(fitted.raw).num_boosted_rounds() == fitted.rounds


def test_two_class_logits_are_zero_for_the_first_class(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    booster = open_booster(_fit(dataset, make_training()).raw)
    found = logits(booster, dataset.features[:7], 2)
    assert found.shape == (7, 2)
    assert (found[:, 0] == 0).all()


def test_one_class_is_refused(make_dataset, make_training):
    dataset = make_dataset()
    one = replace(dataset, labels=np.zeros_like(dataset.labels))
    with pytest.raises(ModelError, match="single class"):
        _fit(one, make_training())


def test_bytes_that_are_no_booster_are_refused():
    with pytest.raises(ModelError, match="train the model again"):
        open_booster(b"not a booster")


def test_progress_rises_to_at_most_one(make_dataset, make_training):
    dataset, training, seen = make_dataset(momentum=0.5), make_training(), []
    split = split_by_time(dataset.time, dataset.known_at, training)
    fit_booster(dataset, (split.train, split.validation), training, seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[0] <= seen[-1] <= 1


def test_weights_that_are_all_the_same_change_nothing(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    weighted = make_training(sample_weights=SampleWeights.UNIQUENESS)
    assert _fit(dataset, weighted).raw == _fit(dataset, make_training()).raw


def test_rows_of_no_weight_teach_nothing(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training(sample_weights="uniqueness")
    worthless = np.arange(0, 2000)
    uniqueness = dataset.uniqueness.copy()
    uniqueness[worthless] = 0
    weighted = replace(dataset, uniqueness=uniqueness)
    flipped = replace(weighted, labels=dataset.labels.copy())
    flipped.labels[worthless] = 1 - flipped.labels[worthless]
    assert _fit(weighted, training).raw == _fit(flipped, training).raw
    assert _fit(weighted, training).raw != _fit(dataset, training).raw


def test_weights_rest_on_the_fitted_rows_alone(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training(sample_weights="uniqueness")
    dataset.uniqueness[:] = np.random.default_rng(1).uniform(0.1, 0.9, len(dataset))
    split = split_by_time(dataset.time, dataset.known_at, training)
    later = replace(dataset, uniqueness=dataset.uniqueness.copy())
    later.uniqueness[split.validation.rows[-1] + 1 :] = 0.001
    assert _fit(later, training).raw == _fit(dataset, training).raw


def test_a_refit_reads_every_row_and_is_repeatable(make_dataset, make_training):
    dataset, training = make_dataset(momentum=0.5), make_training()
    again = [refit_booster(dataset, 9, training, lambda _: None) for _ in range(2)]
    last = _scrambled(dataset, np.arange(len(dataset) - 500, len(dataset)))
    assert again[0] == again[1] != refit_booster(last, 9, training, lambda _: None)
    assert open_booster(again[0]).num_boosted_rounds() == 9


def test_a_refit_boosts_longer_by_the_root_of_how_many_more_rows_it_has(
    make_dataset, make_training
):
    fitted = _fit(make_dataset(momentum=0.5), make_training())
    assert refit_rounds(fitted, 1500, 6000) == 2 * fitted.rounds
    assert refit_rounds(fitted, 6000, 6000) == fitted.rounds
    assert refit_rounds(replace(fitted, rounds=1), 6000, 2000) == 1
