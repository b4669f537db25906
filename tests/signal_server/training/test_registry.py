"""Models are stored whole, never change, and are refused by name when damaged or foreign."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from signal_server.core.errors import ModelError, SchemaMismatchError
from signal_server.features.catalogue import compute_features
from signal_server.training.aliases import Action
from signal_server.training.artifact import Model, TrainedModel
from signal_server.training.folder import FolderTakenError, write_folder
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
    names = ["booster.ubj", "calibration.json", "manifest.json", "reference.json"]
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


def _promotions(registry):
    return [(event.action, event.version) for event in registry.aliases("planted").history]


def test_a_model_that_fails_a_gate_is_kept_and_not_used(registry, trained):
    first = registry.register(trained)
    second = registry.register(trained, reasons=("too few trades",))
    assert registry.champion("planted") == first.version
    assert registry.list() == (first, second)
    assert registry.aliases("planted").reasons_against(second.version) == ("too few trades",)


def test_the_first_of_a_profile_is_used_even_if_it_fails_a_gate(registry, trained):
    first = registry.register(trained, reasons=("too few trades",))
    assert registry.champion("planted") == first.version
    assert registry.aliases("planted").history[0].reasons == ("too few trades",)


def test_a_challenger_is_listed_and_not_used(registry, trained):
    first, second = registry.register(trained), registry.register(trained, wish=Action.CHALLENGED)
    assert registry.champion("planted") == first.version
    assert registry.challengers("planted") == (second.version,)
    registry.withdraw("planted", second.version, by="me", why="it trades less")
    assert registry.challengers("planted") == ()
    with pytest.raises(ModelError, match="is no challenger"):
        registry.withdraw("planted", second.version, by="me", why="again")


def test_the_champion_cannot_challenge_itself(registry, trained):
    first = registry.register(trained)
    with pytest.raises(ModelError, match="is the champion"):
        registry.challenge("planted", first.version, by="me", why="no reason")


def test_promoting_and_rolling_back_leave_a_history(registry, trained):
    first, second = registry.register(trained), registry.register(trained)
    event = registry.rollback("planted", by="me", why="live accuracy fell")
    assert (event.version, event.by, event.why) == (first.version, "me", "live accuracy fell")
    assert registry.load("planted").manifest == first
    registry.promote("planted", second.version, by="me", why="it was the market")
    assert registry.load("planted").manifest == second
    assert _promotions(registry) == [
        (Action.PROMOTED, first.version),
        (Action.PROMOTED, second.version),
        (Action.ROLLED_BACK, first.version),
        (Action.PROMOTED, second.version),
    ]
    assert event.at.tzinfo is not None


def test_there_is_no_way_back_from_the_first(registry, trained):
    registry.register(trained)
    with pytest.raises(ModelError, match="no earlier champion"):
        registry.rollback("planted", by="me", why="hope")


def _damage(tmp_path, manifest):
    (tmp_path / "models" / "planted" / manifest.version / "booster.ubj").write_bytes(b"{}")


def test_a_damaged_version_is_not_promoted(registry, trained, tmp_path):
    first = registry.register(trained)
    second = registry.register(trained, reasons=("too few trades",))
    _damage(tmp_path, second)
    with pytest.raises(ModelError, match=f"{second.version} is damaged"):
        registry.promote("planted", second.version, by="me", why="hope")
    assert registry.champion("planted") == first.version


def test_a_rollback_passes_over_a_damaged_version(registry, trained, tmp_path):
    first, second, _third = (registry.register(trained) for _ in range(3))
    _damage(tmp_path, second)
    assert registry.rollback("planted", by="me", why="worse").version == first.version


def test_the_last_good_one_goes_on_when_the_champion_is_damaged(registry, trained, tmp_path):
    first, second = registry.register(trained), registry.register(trained)
    _damage(tmp_path, second)
    found = registry.load_last_good("planted", lambda _model: None)
    assert found.model.manifest == first
    assert len(found.passed_over) == 1
    assert f"{second.version} is damaged" in found.passed_over[0]


def test_the_last_good_one_goes_on_when_the_champion_does_not_fit(registry, trained):
    first, second = registry.register(trained), registry.register(trained)

    def check(model):
        if model.manifest.version == second.version:
            raise ModelError("it needs other bars")

    found = registry.load_last_good("planted", check)
    assert (found.model.manifest, found.passed_over) == (first, ("it needs other bars",))


def test_the_champion_s_own_fault_is_told_when_no_version_is_left(registry, trained, tmp_path):
    for version in (registry.register(trained), registry.register(trained)):
        _damage(tmp_path, version)
    with pytest.raises(ModelError, match=f"{version.version} is damaged"):
        registry.load_last_good("planted", lambda _model: None)


def test_a_damaged_version_is_listed_with_its_fault(registry, trained, tmp_path):
    first, second = registry.register(trained), registry.register(trained)
    _damage(tmp_path, first)
    assert registry.list() == (second,)
    damaged, whole = registry.entries()
    assert (damaged.version, damaged.manifest) == (first.version, None)
    assert "is damaged" in damaged.problem
    assert (whole.manifest, whole.problem) == (second, "")


def test_the_booster_that_was_evaluated_is_kept_beside_the_served_one(registry, trained):
    served = replace(trained, evaluated=trained.booster)
    registry.register(served)
    assert registry.load_evaluated("planted").manifest == registry.load("planted").manifest


def test_a_lost_evaluated_booster_is_noticed(registry, trained, tmp_path):
    manifest = registry.register(replace(trained, evaluated=trained.booster))
    (tmp_path / "models" / "planted" / manifest.version / "evaluated.ubj").unlink()
    with pytest.raises(ModelError, match="is damaged"):
        registry.load("planted")


def test_the_reference_names_every_feature(registry, trained):
    manifest = registry.register(trained)
    reference = registry.reference("planted", manifest.version)
    assert tuple(reference.features) == manifest.feature_names
    assert reference == trained.reference


def test_the_lineage_says_what_the_model_was_made_with(registry, trained):
    found = registry.register(trained).lineage
    assert found.packages["xgboost"].startswith("3.")
    assert len(found.code_sha256) == 64
    assert found.python.startswith("3.12")


def test_an_empty_registry_lists_nothing_and_says_how_to_train(registry):
    assert registry.list() == ()
    with pytest.raises(ModelError, match="signal-server train --profile planted"):
        registry.load("planted")


def test_a_registered_folder_is_never_written_again(registry, trained, tmp_path):
    folder = tmp_path / "models" / "planted" / registry.register(trained).version
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(FolderTakenError, match="exists already"):
        write_folder(folder, {"manifest.json": b"{}"})
    assert (folder / "manifest.json").read_bytes() == before


def test_the_same_model_made_twice_in_a_second_is_two_versions(tmp_path, trained):
    registry = ModelRegistry(tmp_path, lambda: NOON)
    first, second = registry.register(trained), registry.register(trained)
    assert second.created_at == NOON + timedelta(seconds=1)
    assert registry.list() == (first, second)


def test_versions_of_one_second_are_listed_as_they_were_made(tmp_path, trained):
    moments = iter(NOON + timedelta(milliseconds=made) for made in range(8))
    registry = ModelRegistry(tmp_path, lambda: next(moments))
    cards = [replace(trained.card, data_fingerprint=str(made)) for made in range(8)]
    made = [registry.register(replace(trained, card=card)) for card in cards]
    assert [one.version for one in made] != sorted(one.version for one in made)
    assert registry.list() == tuple(made)


def test_a_version_that_is_not_there_is_named(registry, trained):
    registry.register(trained)
    with pytest.raises(ModelError, match="there is no planted@v7"):
        registry.load("planted", "v7")
    with pytest.raises(ModelError, match="no model of profile other"):
        registry.rollback("other", by="me", why="hope")


def test_a_version_that_failed_a_gate_is_promoted_only_on_purpose(registry, trained):
    first = registry.register(trained)
    second = registry.register(trained, reasons=("too few trades",))
    with pytest.raises(ModelError, match="too few trades"):
        registry.promote("planted", second.version, by="me", why="hope")
    assert registry.champion("planted") == first.version
    registry.promote("planted", second.version, by="me", why="hope", despite_gates=True)
    assert registry.champion("planted") == second.version


def test_a_model_whose_part_cannot_be_written_is_kept_and_named(registry, trained, tmp_path):
    first = registry.register(trained)
    (tmp_path / "models" / "planted" / "aliases.json").write_text("{")
    with pytest.raises(ModelError, match=r"no part was given to it: .*aliases\.json"):
        registry.register(trained)
    assert len(registry.list()) == 2
    assert registry.list()[0] == first


def test_that_a_model_could_not_be_registered_is_known_before(registry, trained, tmp_path):
    registry.require_room("planted")
    assert registry.list() == ()
    (tmp_path / "models" / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        registry.require_room("file")
    registry.register(trained)
    (tmp_path / "models" / "planted" / "aliases.json").write_text("{")
    with pytest.raises(ModelError, match=r"aliases\.json"):
        registry.require_room("planted")


def test_a_manifest_of_a_later_program_is_refused_by_its_unknown_key(registry, trained, tmp_path):
    folder = tmp_path / "models" / "planted" / registry.register(trained).version
    _edit_manifest(folder, turned_upside_down=True)
    with pytest.raises(ModelError, match="turned_upside_down"):
        registry.load("planted")


def test_a_booster_of_other_classes_is_refused(registry, trained, tmp_path):
    manifest = registry.register(trained)
    folder = tmp_path / "models" / "planted" / manifest.version
    rows = np.zeros((30, len(manifest.feature_names)))
    three = xgb.train(
        {"objective": "multi:softprob", "num_class": 3}, xgb.DMatrix(rows, np.arange(30) % 3), 1
    )
    (folder / "booster.ubj").write_bytes(three.save_raw("ubj"))
    _reseal(folder)
    with pytest.raises(ModelError, match="does not predict 2 classes"):
        registry.load("planted")


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


@pytest.mark.parametrize(
    "name", ["booster.ubj", "calibration.json", "manifest.json", "reference.json"]
)
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
    (tmp_path / "models" / "planted" / "aliases.json").write_bytes(b"\xff\xfe/")
    with pytest.raises(ModelError, match=r"aliases\.json does not hold the aliases"):
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


def test_a_profile_with_a_model_a_symbol_asks_for_the_symbol(registry, trained):
    card = replace(trained.card, id=f"{trained.card.id}.BTC-USD")
    registry.register(replace(trained, card=card))
    with pytest.raises(ModelError, match=f"name one, like {card.id}"):
        registry.load(trained.card.id)
