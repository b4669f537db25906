"""What an audit found, and where it is kept for those who ask before they trust a model.

<folder>/<schema hash>-<label name>.json     one file for each feature schema and label; the newest
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from signal_server.core.code_state import CodeState
from signal_server.core.config import LabelConfig
from signal_server.core.errors import ModelError


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: what it proves when it finds nothing, and one sentence for each finding."""

    name: str
    proves: str
    findings: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Return whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class AuditResult:
    """All checks of one feature schema and label; `at` is tz-aware UTC.

    `label` is the label's `label_name`, `market` says which bars the checks were run on. `code` is
    what was audited; None in results of an earlier version, which did not keep it.
    """

    profile: str
    schema_hash: str
    label: str
    market: str
    at: datetime
    code_version: str
    checks: tuple[CheckResult, ...]
    code: CodeState | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """Return all findings, each behind the name of its check; empty when all is well."""
        return tuple(f"{check.name}: {text}" for check in self.checks for text in check.findings)


_RESULT = TypeAdapter(AuditResult)


def label_name(label: LabelConfig) -> str:
    """Return a name for a label's settings that fits into a file's name."""
    digest = hashlib.sha256(label.model_dump_json().encode()).hexdigest()[:8]
    return f"{label.kind.value}-{label.horizon_s}s-{digest}"


def write_audit(folder: Path, result: AuditResult) -> Path:
    """Put the result in the place of an earlier one of the same schema and label, atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _file_name(result.schema_hash, result.label)
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".writing-")
    with os.fdopen(handle, "wb") as file:
        file.write(audit_to_json(result))
    Path(temporary).replace(path)
    return path


def read_audit(folder: Path, schema_hash: str, label: LabelConfig) -> AuditResult | None:
    """Return the newest audit of this schema and label; None if there was none.

    Raises `ModelError` naming a file that is no audit's result.
    """
    path = folder / _file_name(schema_hash, label_name(label))
    try:
        return _RESULT.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise ModelError(f"{path} is no result of an audit; run `signal-server audit`") from error


def audit_sentence(result: AuditResult | None, made_by: CodeState) -> str:
    """Say what is known by its audit of a model that some code made, or that it is unaudited."""
    if result is None:
        return "Unaudited: hunt for leaks in its profile with `signal-server audit`."
    found = f"{len(result.findings)} findings" if result.findings else "clean"
    code = result.code or f"{result.code_version}, commit not kept"
    sentence = f"Audit of {result.at:%Y-%m-%d %H:%M} UTC, code {code}: {found}."
    if result.code is None or result.code.sha256 != made_by.sha256:
        sentence += " The model was made by other code: audit again, and train with that code."
    return sentence


def audit_to_json(result: AuditResult) -> bytes:
    """Return the result as indented JSON, UTF-8."""
    return _RESULT.dump_json(result, indent=2)


def _file_name(schema_hash: str, label: str) -> str:
    return f"{schema_hash}-{label}.json"
