"""What follows a training: gates decide, the registry keeps, and a page tells."""

import getpass
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from signal_server.cli.main import run
from signal_server.cli.registration import admit
from signal_server.cli.session import user_name
from signal_server.core.audits import AuditResult, CheckResult, label_name, write_audit
from signal_server.core.config import (
    BoosterConfig,
    LabelConfig,
    LabelKind,
    ProfileConfig,
    Settings,
    TrainingConfig,
    load_settings,
)
from signal_server.core.errors import ModelError
from signal_server.reports import pictures
from signal_server.training.aliases import Action
from signal_server.training.artifact import TrainedModel
from signal_server.training.bootstrap import Interval
from signal_server.training.registry import ModelRegistry
from signal_server.training.train import TrainingSpec, train
from signal_server.training.verdict import Accuracy, ConfidentCalls
from tests.signal_server.backtest.conftest import seeded_bars

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
NUMBERS = count()
GOOD = ConfidentCalls(Accuracy(5000, 400, 0.60, Interval(0.57, 0.63), 0.5), 150)


@pytest.fixture
def settings(config) -> Settings:
    return load_settings(config)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    """A small model whose test part passes the gates."""
    booster = BoosterConfig(
        max_depth=3, learning_rate=0.1, min_child_weight=20, reg_lambda=10, subsample=0.8,
        colsample_bytree=0.8,
    )  # fmt: skip
    training = TrainingConfig(
        seed=7, validation_share=0.15, calibration_share=0.15, test_share=0.2, max_rounds=5,
        early_stopping_rounds=5, row_stride_bars=5, use_trade_counts=False, booster=booster,
    )  # fmt: skip
    label = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=300)
    profile = ProfileConfig(label=label, features="six")
    spec = TrainingSpec("planted", profile, training, 60)
    made = train({"BTC-USD": seeded_bars(1)}, spec, lambda _stage, _share: None)
    validation = replace(made.card.validation, confident=GOOD, calibration_error=0.01)
    return replace(made, card=replace(made.card, validation=validation))


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch):
    for name in pictures.__all__:
        monkeypatch.setattr(pictures, name, lambda *_figures: "")


def _again(trained: TrainedModel, **changes: object) -> TrainedModel:
    """Return the model as another training would make it."""
    card = replace(trained.card, data_fingerprint=f"bars {next(NUMBERS)}", **changes)
    return replace(trained, card=card)


def _bad(trained: TrainedModel) -> TrainedModel:
    validation = replace(trained.card.validation, confident=None)
    return _again(trained, validation=validation)


def test_the_first_is_used_and_has_a_page(settings, trained):
    found = admit(settings, trained)
    assert found.event.action is Action.PROMOTED
    assert found.page.exists()
    content = json.loads((found.page.parent / "report.json").read_text())
    assert content["version"] == found.manifest.version
    assert f"Registered as planted@{found.manifest.version}." in found.lines()
    assert "It is in use from now on." in found.lines()


def test_one_that_fails_a_gate_does_not_replace_the_one_before(settings, trained):
    first = admit(settings, trained)
    second = admit(settings, _bad(trained))
    assert second.event.action is Action.REFUSED
    assert ModelRegistry(settings.models_dir).champion("planted") == first.manifest.version
    assert any(line.startswith("Gate not reached: 0 trades") for line in second.lines())
    assert "It is kept, but the one before it stays in use." in second.lines()


def test_one_that_passes_all_gates_replaces_it(settings, trained):
    admit(settings, _bad(trained))
    second = admit(settings, _again(trained))
    assert second.event.action is Action.PROMOTED
    assert ModelRegistry(settings.models_dir).champion("planted") == second.manifest.version


def test_a_finding_of_the_audit_keeps_a_model_out(settings, trained):
    admit(settings, trained)
    card = trained.card
    check = CheckResult("prefix", "no feature looks ahead", ("feature x looks ahead",), 0.1)
    label = label_name(card.profile.label)
    audit = AuditResult("planted", card.schema_hash, label, "random", NOON, "1", (check,))
    write_audit(settings.audit_dir, audit)
    second = admit(settings, _again(trained))
    assert second.event.action is Action.REFUSED
    assert second.event.reasons == ("the audit found: prefix: feature x looks ahead",)


def test_an_audit_that_cannot_be_read_loses_no_training(settings, trained):
    card = trained.card
    label = label_name(card.profile.label)
    audit = AuditResult("planted", card.schema_hash, label, "random", NOON, "1", ())
    write_audit(settings.audit_dir, audit).write_text("{")
    found = admit(settings, trained)
    assert found.event.action is Action.PROMOTED
    assert "is no result of an audit" in found.audit


def test_a_model_is_shown_with_what_its_audit_is_worth(settings, trained, config, capsys):
    manifest = admit(settings, trained).manifest
    shown = ["--config", str(config), "models", "show", "planted"]
    assert run(shown) == 0
    assert "Unaudited" in capsys.readouterr().out
    code = replace(manifest.lineage.code, sha256="other")
    label = label_name(manifest.profile.label)
    audit = AuditResult("planted", manifest.schema_hash, label, "random", NOON, "1", (), code)
    write_audit(settings.audit_dir, audit)
    assert run(shown) == 0
    assert "made by other code" in capsys.readouterr().out
    write_audit(settings.audit_dir, replace(audit, code=manifest.lineage.code))
    assert run(shown) == 0
    assert "made by other code" not in capsys.readouterr().out


def test_a_report_that_cannot_be_written_does_not_hide_the_model(settings, trained):
    settings.data_dir.mkdir(parents=True)
    settings.reports_dir.write_text("a file")
    with pytest.raises(ModelError, match=r"planted@.* is registered, but its report"):
        admit(settings, trained)
    assert ModelRegistry(settings.models_dir).champion("planted")


def test_who_trained_it_is_kept(settings, trained, monkeypatch):
    monkeypatch.setenv("LOGNAME", "trader")
    assert admit(settings, trained).event.by == "trader"


def test_a_user_without_a_name_is_told_by_number(monkeypatch):
    def refuse():
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", refuse)
    assert user_name().startswith("user ")


@pytest.mark.parametrize("name", ["@", "planted@", "@v1"])
def test_a_name_without_a_model_is_refused(config, capsys, name):
    assert run(["--config", str(config), "models", "show", name]) == 2
    assert "write PROFILE or PROFILE@VERSION" in capsys.readouterr().err


def test_a_damaged_version_is_listed_with_its_fault(config, settings, trained, capsys):
    found = admit(settings, trained)
    folder = settings.models_dir / "planted" / found.manifest.version
    (folder / "booster.ubj").write_bytes(b"{}")
    assert run(["--config", str(config), "models"]) == 0
    assert "is damaged" in capsys.readouterr().out
