"""Tuning learns from the past alone, goes on where it was, and counts every try."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.training import tuning
from signal_server.training.splits import split_by_time
from signal_server.training.tuning import folds_of, tried_before, tune


def _tune(dataset, spec, folder, trials):
    return tune(dataset, spec, folder, trials, progress=lambda _done, _of: None)


def test_no_label_is_unknown_when_the_next_piece_begins(make_dataset, make_training):
    dataset = make_dataset()
    folds = folds_of(dataset, make_training())
    assert len(folds) == tuning.FOLDS
    for fold in folds:
        assert dataset.known_at[fold.learn.rows].max() < dataset.time[fold.judge.rows[0]]
    for earlier, later in pairwise(folds):
        assert set(earlier.judge.rows) <= set(later.learn.rows)


def test_folds_end_before_the_calibration_part(make_dataset, make_training):
    dataset, training = make_dataset(), make_training()
    begins = split_by_time(dataset.time, dataset.known_at, training).calibration.rows[0]
    last = folds_of(dataset, training)[-1].judge.rows
    assert dataset.known_at[last].max() < dataset.time[begins]


def test_calibration_and_test_rows_change_nothing(make_dataset, make_spec, tmp_path):
    dataset, spec = make_dataset(momentum=0.5, rows=3000), make_spec()
    split = split_by_time(dataset.time, dataset.known_at, spec.training)
    other = replace(dataset, labels=dataset.labels.copy(), features=dataset.features.copy())
    later = np.arange(split.calibration.rows[0], len(dataset))
    other.labels[later] = 1 - other.labels[later]
    other.features[later] = 0
    assert _tune(dataset, spec, tmp_path / "a", 3) == _tune(other, spec, tmp_path / "b", 3)


def test_what_was_broken_off_goes_on_and_ends_the_same(make_dataset, make_spec, tmp_path):
    dataset, spec, seen = make_dataset(momentum=0.5, rows=3000), make_spec(), []
    _tune(dataset, spec, tmp_path / "in two", 4)
    tune(dataset, spec, tmp_path / "in two", 9, progress=lambda done, _of: seen.append(done))
    assert seen == [4, 5, 6, 7, 8, 9]
    whole = _tune(dataset, spec, tmp_path / "at once", 9)
    assert _tune(dataset, spec, tmp_path / "in two", 9) == whole
    assert whole.trials == whole.tried == 9


def test_the_settings_are_tried_first_and_never_beat_the_best(make_dataset, make_spec, tmp_path):
    dataset = make_dataset(momentum=0.5, rows=3000)
    alone = _tune(dataset, make_spec(), tmp_path, 1)
    assert alone.best == make_spec().training.booster
    assert alone.loss == alone.settings_loss
    more = _tune(dataset, make_spec(), tmp_path, 8)
    assert more.settings_loss == alone.loss
    assert more.loss <= alone.loss


def test_trials_of_other_rows_are_counted_too(make_dataset, make_spec, tmp_path):
    assert tried_before(tmp_path, "planted") == 0
    _tune(make_dataset(rows=3000), make_spec(), tmp_path, 2)
    _tune(make_dataset(rows=3000, seed=5), make_spec(), tmp_path, 3)
    assert tried_before(tmp_path, "planted") == 5
    assert tried_before(tmp_path, "another") == 0


def test_bad_parameters_are_given_up_early(make_dataset, make_spec, tmp_path):
    found = _tune(make_dataset(momentum=0.5, rows=3000), make_spec(), tmp_path, 15)
    assert 0 < found.pruned < 15


def test_too_few_rows_are_refused(make_dataset, make_spec, tmp_path):
    with pytest.raises(NoHistoryError, match="backfill a longer history"):
        _tune(make_dataset(rows=150), make_spec(), tmp_path, 1)


def test_trials_that_cannot_be_read_are_named(make_dataset, make_spec, tmp_path):
    spec = make_spec()
    path = tmp_path / f"{spec.profile_name}.sqlite"
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ModelError, match=f"{path.name} cannot be read"):
        tried_before(tmp_path, spec.profile_name)
    with pytest.raises(ModelError, match=f"{path.name} cannot be read"):
        _tune(make_dataset(momentum=0.5), spec, tmp_path, 1)
