"""Models are stored whole, never change, and are refused by name when damaged or foreign."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.core.errors import ModelError, SchemaMismatchError
from signal_server.features.catalogue import compute_features
from signal_server.training.artifact import Model, TrainedModel
from signal_server.training.registry import ModelRegistry
from signal_server.training.train import train

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


class SteppingClock:
    """Moves on by a second at every question."""

    def __init__(self):
        self.now = NOON - timedelta(seconds=1)

    def __call__(self):
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture(scope="module")
def trained(make_bars, make_spec) -> TrainedModel:
    bars = {"BTC-USD": make_bars(momentum=0.5, count=2000)}
    return train(bars, make_spec(), lambda _stage, _share: None)


@pytest.fixture
def registry(tmp_path) -> ModelRegistry:
    return ModelRegistry(tmp_path / "models", SteppingClock())


def _reseal(folder):
    """Make checksums fit changed files, as someone who edits a model on purpose would."""
    names = ["booster.ubj", "calibration.json", "manifest.json"]
    lines = [f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in names]
    (folder / "SHA256SUMS").write_text("".join(lines))


def _edit_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    _reseal(folder)


def _altered(model, **changes):
    """Return the model as if it had been trained on another schema."""
    altered = Model.__new__(Model)
    altered.__dict__.update(model.__dict__)
    altered._manifest = replace(model.manifest, **changes)
    return altered


def test_a_model_comes_back_as_it_went_in(registry, trained):
    manifest = registry.register(trained)
    model = registry.load("planted")
    assert model.manifest == manifest
    assert manifest.version.startswith("20260102T120000Z-")
    assert manifest.created_at == NOON
    assert manifest.validation == trained.card.validation


def test_predictions_are_calibrated_probabilities_by_class_name(registry, trained, make_bars):
    registry.register(trained)
    model = registry.load("planted")
    features = compute_features(make_bars(count=400), model.manifest.feature_names)
    found = model.predict(features)
    assert list(found.columns) == ["DOWN", "UP"]
    assert found.index.equals(features.index)
    assert np.allclose(found.sum(axis=1), 1)


def test_one_row_predicts_as_it_does_among_many(registry, trained, make_bars):
    registry.register(trained)
    model = registry.load("planted")
    features = compute_features(make_bars(count=400), model.manifest.feature_names)
    many = model.predict(features)
    pd.testing.assert_frame_equal(model.predict(features.iloc[-1:]), many.iloc[-1:])


def test_the_order_of_given_columns_does_not_matter(registry, trained, make_bars):
    registry.register(trained)
    model = registry.load("planted")
    features = compute_features(make_bars(count=400), model.manifest.feature_names)
    pd.testing.assert_frame_equal(
        model.predict(features[features.columns[::-1]]), model.predict(features)
    )


def test_missing_columns_are_named(registry, trained, make_bars):
    registry.register(trained)
    model = registry.load("planted")
    features = compute_features(make_bars(count=400), model.manifest.feature_names)
    with pytest.raises(SchemaMismatchError, match=model.manifest.feature_names[1]):
        model.predict(features.drop(columns=model.manifest.feature_names[1]))


def test_the_newest_model_is_the_champion_and_older_ones_stay(registry, trained):
    first, second = registry.register(trained), registry.register(trained)
    assert first.version < second.version
    assert registry.load("planted").manifest == second
    assert registry.load("planted", first.version).manifest == first
    assert registry.list() == (first, second)


def test_an_empty_registry_lists_nothing_and_says_how_to_train(registry):
    assert registry.list() == ()
    with pytest.raises(ModelError, match="signal-server train --profile planted"):
        registry.load("planted")


def test_a_registered_folder_is_never_written_again(tmp_path, trained):
    registry = ModelRegistry(tmp_path, lambda: NOON)
    registry.register(trained)
    with pytest.raises(ModelError, match="exists already"):
        registry.register(trained)


def test_nothing_half_written_is_left_when_the_disk_fails(registry, trained, tmp_path, monkeypatch):
    def refuse(*_paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(ModelError, match="No space left"):
        registry.register(trained)
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == []
    assert registry.list() == ()


def test_what_a_killed_training_left_is_no_model(registry, trained, tmp_path):
    manifest = registry.register(trained)
    left = tmp_path / "models" / "planted" / ".writing-abc"
    left.mkdir()
    (left / "manifest.json").write_text("{")
    assert registry.list() == (manifest,)
    assert registry.load("planted").manifest == manifest


@pytest.mark.parametrize("name", ["booster.ubj", "calibration.json", "manifest.json"])
def test_a_damaged_file_is_refused_by_the_folder_s_name(registry, trained, tmp_path, name):
    manifest = registry.register(trained)
    path = tmp_path / "models" / "planted" / manifest.version / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match=f"{manifest.version} is damaged"):
        registry.load("planted")


@pytest.mark.parametrize("name", ["booster.ubj", "SHA256SUMS"])
def test_a_missing_file_is_refused_by_the_folder_s_name(registry, trained, tmp_path, name):
    manifest = registry.register(trained)
    (tmp_path / "models" / "planted" / manifest.version / name).unlink()
    with pytest.raises(ModelError, match=f"{manifest.version} is not a whole model"):
        registry.load("planted")


def test_a_foreign_manifest_is_refused_by_its_first_bad_key(registry, trained, tmp_path):
    folder = tmp_path / "models" / "planted" / registry.register(trained).version
    _edit_manifest(folder, symbols=None)
    with pytest.raises(ModelError, match="symbols"):
        registry.load("planted")


def test_a_foreign_booster_is_refused(registry, trained, tmp_path):
    folder = tmp_path / "models" / "planted" / registry.register(trained).version
    (folder / "booster.ubj").write_bytes(b"{}")
    _reseal(folder)
    with pytest.raises(ModelError, match="booster"):
        registry.load("planted")


def test_a_booster_of_other_features_than_its_manifest_is_refused(registry, trained, tmp_path):
    folder = tmp_path / "models" / "planted" / registry.register(trained).version
    _edit_manifest(folder, feature_names=["only_one"])
    with pytest.raises(ModelError, match="its manifest names 1"):
        registry.load("planted")


def test_a_renamed_folder_is_refused(registry, trained, tmp_path):
    manifest = registry.register(trained)
    folder = tmp_path / "models" / "planted"
    (folder / manifest.version).rename(folder / "20300101T000000Z-00000000")
    with pytest.raises(ModelError, match="holds model planted"):
        registry.load("planted", "20300101T000000Z-00000000")


@pytest.mark.parametrize("name", ["../planted", "", ".hidden", "a/b"])
def test_a_name_cannot_leave_the_registry(registry, name):
    with pytest.raises(ModelError, match="names no model"):
        registry.load(name)


def test_a_damaged_alias_is_named(registry, trained, tmp_path):
    registry.register(trained)
    (tmp_path / "models" / "planted" / "champion").write_bytes(b"\xff\xfe/")
    with pytest.raises(ModelError, match="champion does not name a version"):
        registry.load("planted")


def test_a_fitting_schema_is_accepted(registry, trained):
    registry.register(trained)
    registry.load("planted").check_schema()


def test_a_changed_feature_is_named(registry, trained):
    registry.register(trained)
    model = registry.load("planted")
    names, hashes = model.manifest.feature_names, list(model.manifest.feature_hashes)
    hashes[2] = "of-another-definition"
    with pytest.raises(SchemaMismatchError, match=f"the definition of {names[2]} changed"):
        _altered(model, feature_hashes=tuple(hashes)).check_schema()


def test_an_unknown_feature_is_named(registry, trained):
    registry.register(trained)
    model = registry.load("planted")
    names = ("moon_phase", *model.manifest.feature_names[1:])
    with pytest.raises(SchemaMismatchError, match="unknown features moon_phase"):
        _altered(model, feature_names=names).check_schema()


def test_another_schema_version_is_refused(registry, trained):
    registry.register(trained)
    with pytest.raises(SchemaMismatchError, match="feature schema"):
        _altered(registry.load("planted"), schema_hash="old").check_schema()


def test_a_model_of_minute_bars_does_not_fit_second_bars(registry, trained):
    registry.register(trained)
    model = registry.load("planted")
    model.check_bar_seconds(60)
    with pytest.raises(SchemaMismatchError, match="bars of 60 s, not 1 s"):
        model.check_bar_seconds(1)
