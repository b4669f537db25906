"""What follows a training: the gates, the registry and the report."""

from dataclasses import dataclass
from pathlib import Path

from signal_server.cli.session import user_name
from signal_server.core.audits import audit_sentence, read_audit
from signal_server.core.config import Settings
from signal_server.core.errors import ModelError
from signal_server.reports.model_report import model_report
from signal_server.reports.report_folder import write_report
from signal_server.training.aliases import Action, Event
from signal_server.training.artifact import Manifest, ModelCard, TrainedModel
from signal_server.training.gates import objections
from signal_server.training.registry import ModelRegistry

_PART = {
    Action.PROMOTED: "It is in use from now on.",
    Action.CHALLENGED: "It is a challenger: it predicts in shadow beside the one in use.",
    Action.REFUSED: "It is kept, but the one before it stays in use.",
}


@dataclass(frozen=True, slots=True)
class Admission:
    """A registered model, what its registration came to, where its page is, and its audit."""

    manifest: Manifest
    event: Event
    page: Path
    audit: str

    def lines(self) -> tuple[str, ...]:
        """Return what to tell the one who trained it."""
        return (
            f"Registered as {self.manifest.id}@{self.manifest.version}.",
            *(f"Gate not reached: {reason}." for reason in self.event.reasons),
            _PART.get(self.event.action, ""),
            self.audit,
            f"Report: {self.page}",
        )


def admit(settings: Settings, trained: TrainedModel, wish: Action = Action.PROMOTED) -> Admission:
    """Register a model, promote it if it passes the gates, and write its report.

    Raises `ModelError` when it cannot be registered, or its report cannot be written.
    """
    registry = ModelRegistry(settings.models_dir)
    card = trained.card
    findings, audited = audit_of(settings.audit_dir, card)
    reasons = objections(card.validation, settings.registry.gates, findings)
    manifest = registry.register(trained, wish=wish, reasons=reasons, by=user_name())
    told = registry.aliases(manifest.id).history
    event = next(one for one in reversed(told) if one.version == manifest.version)
    folder = settings.reports_dir / f"{manifest.id}-{manifest.version}"
    try:
        write_report(folder, model_report(manifest, trained.reference, event))
    except OSError as error:
        raise ModelError(
            f"{manifest.id}@{manifest.version} is registered, but its report {folder} cannot be "
            f"written: {error.strerror}"
        ) from error
    return Admission(manifest, event, folder / "index.html", audited)


def audit_of(folder: Path, card: ModelCard) -> tuple[tuple[str, ...], str]:
    """Return what the newest audit of a model's features and label found, and a sentence on it.

    A result that cannot be read leaves the model unaudited, and the sentence says so.
    """
    try:
        audit = read_audit(folder, card.schema_hash, card.profile.label)
    except ModelError as error:
        return (), f"Unaudited: {error}."
    return audit.findings if audit else (), audit_sentence(audit, card.lineage.code)
