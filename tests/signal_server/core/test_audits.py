"""An audit's result is kept by schema and label, and read again as it was."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signal_server.core.audits import (
    AuditResult,
    CheckResult,
    audit_sentence,
    label_name,
    read_audit,
    write_audit,
)
from signal_server.core.code_state import CodeState
from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.errors import ModelError

CODE = CodeState("0.1.0", "1234", "c0ffee", changed=False)
OTHER = "The model was made by other code: audit again, and train with that code."
LABEL = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900)
RESULT = AuditResult(
    profile="direction-15m",
    schema_hash="0123456789abcdef",
    label=label_name(LABEL),
    market="BTC-USD, 50,000 bars",
    at=datetime(2025, 1, 1, tzinfo=UTC),
    code_version="0.1.0",
    checks=(
        CheckResult("purge", "no label is known too late", (), 0.1),
        CheckResult("warm-up", "a feature forgets", ("rsi_14 does not", "gap does not"), 0.2),
    ),
    code=CODE,
)


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write_audit(tmp_path / "audit", RESULT)
    assert path.name == f"0123456789abcdef-{label_name(LABEL)}.json"
    assert read_audit(tmp_path / "audit", RESULT.schema_hash, LABEL) == RESULT


def test_the_newest_audit_of_a_schema_and_label_counts(tmp_path: Path) -> None:
    write_audit(tmp_path, RESULT)
    write_audit(tmp_path, replace(RESULT, checks=RESULT.checks[:1]))
    again = read_audit(tmp_path, RESULT.schema_hash, LABEL)
    assert again is not None
    assert again.findings == ()


def test_another_schema_or_label_is_unaudited(tmp_path: Path) -> None:
    write_audit(tmp_path, RESULT)
    assert read_audit(tmp_path, "another", LABEL) is None
    longer = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=7200)
    assert read_audit(tmp_path, RESULT.schema_hash, longer) is None


def test_a_file_that_is_no_result_is_named(tmp_path: Path) -> None:
    path = write_audit(tmp_path, RESULT)
    path.write_text('{"checks": 3}')
    with pytest.raises(ModelError, match=path.name):
        read_audit(tmp_path, RESULT.schema_hash, LABEL)


def test_a_model_without_an_audit_is_said_to_be_unaudited() -> None:
    assert audit_sentence(None, CODE).startswith("Unaudited: ")
    assert audit_sentence(RESULT, CODE).endswith("code 0.1.0, commit c0ffee: 2 findings.")
    clean = replace(RESULT, checks=RESULT.checks[:1])
    assert "2025-01-01 00:00 UTC" in audit_sentence(clean, CODE)
    assert audit_sentence(clean, CODE).endswith("clean.")


def test_an_audit_of_other_code_than_the_models_is_said_to_be_that() -> None:
    edited = replace(CODE, sha256="5678", changed=True)
    assert audit_sentence(RESULT, edited).endswith(OTHER)
    said = audit_sentence(replace(RESULT, code=edited), CODE)
    assert "commit c0ffee with changes: 2 findings. " in said
    assert said.endswith(OTHER)


def test_an_audit_that_did_not_keep_its_code_is_of_other_code(tmp_path: Path) -> None:
    path = write_audit(tmp_path, RESULT)
    content = json.loads(path.read_text())
    del content["code"]
    path.write_text(json.dumps(content))
    old = read_audit(tmp_path, RESULT.schema_hash, LABEL)
    assert old is not None
    assert audit_sentence(old, CODE).endswith(OTHER)


def test_findings_stand_behind_the_name_of_their_check() -> None:
    assert RESULT.findings == ("warm-up: rsi_14 does not", "warm-up: gap does not")
    assert [check.passed for check in RESULT.checks] == [True, False]
