"""What is learned from rises holds for falls, and a drift of the past is not learned at all."""

from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.config import LabelConfig, LabelKind, load_settings
from signal_server.core.errors import SchemaMismatchError
from signal_server.features.mirror import mirror_of
from signal_server.training.calibration_choice import FITTERS, CalibrationRows
from signal_server.training.mirroring import lesson_of
from signal_server.training.model import fit_booster, logits, open_booster, refit_booster
from signal_server.training.splits import split_by_time
from signal_server.training.train import fit_model

RETURNS = (f"scaled_return_{length}" for length in (1, 5, 15, 30))
NAMES = (*RETURNS, "range_position_60")


@pytest.fixture
def dataset(make_dataset):
    made = make_dataset(momentum=0.5)
    features = made.features.copy()
    features[:, 4] = np.clip(0.5 + 100 * features[:, 4], 0, 1)
    return replace(made, names=NAMES, features=features)


def _fit(dataset, training):
    split = split_by_time(dataset.time, dataset.known_at, training)
    parts = split.train, split.validation
    return open_booster(fit_booster(dataset, parts, training, lambda _: None).raw)


def test_a_row_and_its_image_get_opposite_forecasts(dataset, make_training):
    booster = _fit(dataset, make_training(mirror=True))
    rows = dataset.features[:500]
    said = logits(booster, rows, 2)
    of_images = logits(booster, mirror_of(NAMES).apply(rows), 2)
    assert np.ptp(said) > 0.1
    assert of_images == pytest.approx(said[:, ::-1], abs=1e-6)


def test_a_drift_of_the_train_part_is_not_learned(dataset, make_training):
    rising = replace(dataset, labels=np.ones_like(dataset.labels))
    rising.labels[::10] = 0
    leaning = {
        mirror: logits(_fit(rising, make_training(mirror=mirror)), dataset.features, 2)
        for mirror in (False, True)
    }
    up = {mirror: float((odds[:, 1] - odds[:, 0]).mean()) for mirror, odds in leaning.items()}
    assert up[False] > 1
    assert abs(up[True]) < 0.2


@pytest.mark.parametrize("classes", [2, 3])
def test_the_drift_of_the_calibration_part_is_not_learned_by_any_kind(dataset, classes):
    rng = np.random.default_rng(2)
    rising = 0.4 + rng.normal(size=(len(dataset), 1)) * np.linspace(-1, 1, classes)
    labels = np.where(rng.random(len(dataset)) < 0.7, classes - 1, 0).astype(np.int8)
    rows = CalibrationRows(rising, labels, dataset.time, 900)
    learned = rows.with_images()
    for kind, fit in FITTERS.items():
        calibration = fit(learned.logits, learned.labels, learned.independent)
        said, of_images = map(calibration.apply, (rows.logits, rows.logits[:, ::-1]))
        assert of_images == pytest.approx(said[:, ::-1], abs=1e-5), kind


def test_a_mirrored_model_is_calibrated_on_images_too(dataset, make_training, make_spec):
    rising = replace(dataset, labels=dataset.labels.copy())
    rising.labels[len(rising) // 2 :][::3] = 1
    spec = make_spec(horizon_s=900)
    for mirror in (False, True):
        spec = replace(spec, training=make_training(mirror=mirror))
        split = split_by_time(rising.time, rising.known_at, spec.training)
        fit = fit_model(rising, split, spec, lambda _stage, _share: None)
        odds = np.array([[0.1, -0.1], [-0.1, 0.1]])
        up_of_row, up_of_image = fit.calibration.calibration.apply(odds)[:, 1]
        drifts = abs(up_of_row + up_of_image - 1) > 1e-6
        assert drifts != mirror


def test_three_classes_are_turned_around_flat(dataset, make_training):
    three = replace(dataset, classes=("DOWN", "FLAT", "UP"), labels=dataset.labels * 2)
    three.labels[::3] = 1
    lesson = lesson_of(three, slice(0, 6), None, make_training(mirror=True))
    assert lesson.labels.tolist() == [*three.labels[:6], *(2 - three.labels[:6])]
    booster = _fit(three, make_training(mirror=True))
    said = logits(booster, three.features[:50], 3)
    assert logits(booster, mirror_of(NAMES).apply(three.features[:50]), 3) == pytest.approx(
        said[:, ::-1], abs=1e-6
    )


def test_rows_on_disk_and_a_refit_are_mirrored_too(dataset, make_training):
    rows = dataset.features[:50]
    for external in (False, True):
        training = make_training(mirror=True, external_memory=external)
        booster = open_booster(refit_booster(dataset, 20, training, lambda _: None))
        said = logits(booster, rows, 2)
        assert logits(booster, mirror_of(NAMES).apply(rows), 2) == pytest.approx(
            said[:, ::-1], abs=1e-6
        )


def test_features_without_a_mirror_are_refused(make_dataset, make_training):
    with pytest.raises(SchemaMismatchError, match="return_lag_0"):
        _fit(make_dataset(), make_training(mirror=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"features": "all"}, "needs features pooled"), ({"label": None}, "no mirror image")],
)
def test_a_profile_that_has_no_mirror_image_is_refused(changes, said):
    settings = load_settings()
    barrier = settings.profiles["barrier-24h"].label
    assert barrier.kind is LabelKind.TRIPLE_BARRIER
    label = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900)
    profile = {"label": label, "features": "pooled", "training": {"mirror": True}} | changes
    if profile["label"] is None:
        profile["label"] = barrier
    content = settings.model_dump() | {"profiles": {settings.serving.profile: profile}}
    with pytest.raises(ValueError, match=said):
        type(settings)(**content)
