"""Importance names what was planted, by gain and by SHAP."""

import numpy as np
import pytest

from signal_server.training.importance import gain_shares, shap_means
from signal_server.training.model import fit_booster, open_booster
from signal_server.training.splits import split_by_time


def _booster(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    parts = (split.train, split.validation)
    return open_booster(fit_booster(dataset, parts, training, lambda _: None).raw)


def test_gain_shares_name_what_the_trees_use_largest_first(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    shares = gain_shares(_booster(dataset, make_training()), dataset.names)
    assert next(iter(shares)) == "return_lag_0"
    assert sum(shares.values()) == pytest.approx(1.0)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_shap_means_name_what_moves_the_forecast_largest_first(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    booster = _booster(dataset, make_training())
    means = shap_means(booster, dataset, np.arange(1000, 5000))
    assert next(iter(means)) == "return_lag_0"
    assert set(means) <= set(dataset.names)
    assert list(means.values()) == sorted(means.values(), reverse=True)


def test_trees_that_never_split_use_no_feature(make_dataset, make_training):
    dataset, training = make_dataset(), make_training()
    regularised = training.booster.model_copy(update={"min_child_weight": 1e6})
    booster = _booster(dataset, training.model_copy(update={"booster": regularised}))
    assert gain_shares(booster, dataset.names) == {}
    assert shap_means(booster, dataset, np.arange(100)) == {}
