"""Settings become parameters, and those that do not fit are refused by name."""

from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.domain import Direction
from signal_server.core.errors import ModelError
from signal_server.training.model import fit_booster, logits, open_booster
from signal_server.training.parameters import parameters
from signal_server.training.splits import split_by_time

NAME = "return_lag_0"


def _booster(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    parts = (split.train, split.validation)
    return open_booster(fit_booster(dataset, parts, training, lambda _: None).raw)


def _response(dataset, booster):
    """Return the logit of UP along the first feature, the others held."""
    grid = np.tile(np.median(dataset.features, axis=0), (200, 1)).astype(np.float32)
    grid[:, 0] = np.linspace(-5e-3, 5e-3, 200)
    return logits(booster, grid, 2)[:, 1]


def _features_of_each_tree(booster):
    trees = booster.trees_to_dataframe()
    splits = trees[trees["Feature"] != "Leaf"]
    return {frozenset(group["Feature"]) for _, group in splits.groupby("Tree")}


def test_a_monotone_constraint_lets_the_forecast_only_rise(make_dataset, make_training):
    dataset = make_dataset(momentum=0.5)
    rising = _response(dataset, _booster(dataset, make_training(monotone_constraints={NAME: 1})))
    falling = _response(dataset, _booster(dataset, make_training(monotone_constraints={NAME: -1})))
    assert (np.diff(rising) >= 0).all()
    assert rising[-1] > rising[0]
    assert (np.diff(falling) <= 0).all()


def test_features_meet_in_a_tree_only_inside_their_group(make_dataset, make_training):
    group = ("return_lag_0", "return_lag_1")
    training = make_training(interaction_constraints=(group,))
    booster = _booster(make_dataset(momentum=0.5), training)
    together = [names for names in _features_of_each_tree(booster) if len(names) > 1]
    assert together
    assert all(names <= {"f0", "f1"} for names in together)


@pytest.mark.parametrize(
    "changes",
    [{"monotone_constraints": {"nose": 1}}, {"interaction_constraints": ((NAME, "nose"),)}],
)
def test_a_constraint_on_a_feature_that_is_not_there_is_refused(
    make_dataset, make_training, changes
):
    with pytest.raises(ModelError, match="constrains nose"):
        parameters(make_dataset(), 100, make_training(**changes))


def test_a_monotone_constraint_on_three_classes_is_refused(make_dataset, make_training):
    three = replace(make_dataset(), classes=(Direction.DOWN, Direction.FLAT, Direction.UP))
    with pytest.raises(ModelError, match="two classes"):
        parameters(three, 100, make_training(monotone_constraints={NAME: 1}))


def test_a_device_that_is_not_there_is_refused_or_used(make_dataset, make_training):
    training = make_training(device="cuda")
    try:
        assert parameters(make_dataset(), 100, training)["device"] == "cuda"
    except ModelError as error:
        assert "no GPU is found" in str(error)  # noqa: PT017 (a machine may have one)
