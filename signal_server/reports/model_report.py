"""The report of a trained model: one page for people and one file for programs."""

from collections.abc import Iterator

from pydantic import TypeAdapter

from signal_server.reports import pictures
from signal_server.reports.page import Page, Section, render
from signal_server.reports.results import bare_sentence, sections, tiles
from signal_server.training.aliases import Action, Event
from signal_server.training.artifact import Manifest
from signal_server.training.reference import Reference
from signal_server.training.splits import Window
from signal_server.training.summary import SummaryLine

_GATES = "The gates ask for accuracy, calibration and trades enough; none asks for profit."
PARTS = ("train", "validation", "calibration", "test")


def model_report(manifest: Manifest, reference: Reference, event: Event) -> dict[str, str]:
    """Return the files of the report by name; `event` is what its registration came to."""
    content: dict[str, object] = {
        "model": manifest.id,
        "version": manifest.version,
        "verdict": manifest.validation.verdict.value,
        "sentence": manifest.validation.sentence,
        "registration": event,
        "test_drift": reference.test_drift,
        "manifest": manifest,
    }
    as_json = TypeAdapter(dict[str, object]).dump_json(content, indent=2).decode()
    return {
        "index.html": render(model_page(manifest, reference, event)),
        "report.json": as_json + "\n",
    }


def model_page(manifest: Manifest, reference: Reference, event: Event) -> Page:
    """Return the page of a registered model."""
    label = manifest.profile.label
    validation = manifest.validation
    window = manifest.windows.test
    subtitle = (
        f"{label.kind.value.replace('_', ' ')} over {_duration(label.horizon_s)}; "
        f"{', '.join(manifest.symbols)}; judged on {validation.rows:,} rows that it had not seen, "
        f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}, "
        f"about {validation.independent_rows:,} of them independent"
    )
    return Page(
        title=f"{manifest.id}, version {manifest.version}",
        subtitle=subtitle,
        verdict=validation.verdict,
        sentence=bare_sentence(validation),
        tiles=tiles(validation),
        sections=(
            (_gates(event),),
            *sections(validation),
            (_importance(manifest),),
            (_drift(reference), _calibration(manifest)),
            (_making(manifest),),
        ),
        footer=f"Registered {manifest.created_at:%Y-%m-%d %H:%M} UTC.",
    )


def _importance(manifest: Manifest) -> Section:
    if not manifest.gain_shares:
        return Section("What does it look at?", "Nothing: no split was worth it, it is a constant.")
    return Section(
        "What does it look at?",
        f"The features that move its forecasts most, of {len(manifest.feature_names)} in all. "
        "This says what the model does, not what causes prices.",
        pictures.importance(manifest.gain_shares, manifest.shap_means),
    )


def _drift(reference: Reference) -> Section:
    moved = sum(value > pictures.LARGE_DRIFT for value in reference.test_drift.values())
    return Section(
        "How far had its inputs drifted already?",
        f"From the train to the test part {moved} of {len(reference.test_drift)} features moved "
        "much. Live drift is measured from the same train part.",
        pictures.drift(reference.test_drift),
    )


def _calibration(manifest: Manifest) -> Section:
    chosen, used = manifest.validation.candidates, manifest.validation.calibration
    lines = tuple(
        SummaryLine(one.kind, f"{one.log_loss:.5f}", "used" if one.kind == used else "")
        for one in chosen
    )
    return Section(
        "How was confidence calibrated?",
        "The kinds that were tried, and the log-loss of each on a later piece of the calibration "
        "part. The simplest is kept that no other clearly beats.",
        lines=lines,
    )


def _gates(event: Event) -> Section:
    lines = tuple(SummaryLine("not reached", reason, "") for reason in event.reasons)
    passed = "It failed a gate" if lines else "It passed all gates"
    part = {
        Action.PROMOTED: "is in use from now on",
        Action.CHALLENGED: "predicts beside the one in use, in shadow",
        Action.REFUSED: "is kept, but not used",
    }.get(event.action, "is kept")
    return Section("May it be used?", f"{passed} and {part} ({event.why}). {_GATES}", lines=lines)


def _making(manifest: Manifest) -> Section:
    parts = [(name, getattr(manifest.windows, name)) for name in PARTS]
    parts.append(("served booster", manifest.served_window))
    return Section(
        "How was it made?",
        "The booster learned from the train part and stopped by the validation part; confidence "
        "was calibrated on a part of its own; all results above are of the test part.",
        pictures.windows(parts),
        (*_period_lines(parts), *_facts(manifest)),
        folded=True,
    )


def _period_lines(parts: list[tuple[str, Window]]) -> Iterator[SummaryLine]:
    for name, window in parts:
        period = f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M}"
        yield SummaryLine(name, period, f"{window.rows:,} rows")


def _facts(manifest: Manifest) -> Iterator[SummaryLine]:
    made = manifest.lineage
    booster = ", ".join(f"{k} {v}" for k, v in manifest.training.booster.model_dump().items())
    changed = "with changes" if made.code_changed else ""
    yield SummaryLine("label", manifest.profile.label.model_dump_json(exclude_none=True), "")
    yield SummaryLine("features", manifest.profile.features, ", ".join(manifest.feature_names))
    yield SummaryLine(
        "boosting rounds", f"{manifest.rounds:,} evaluated", f"{manifest.served_rounds:,} served"
    )
    yield SummaryLine("booster", booster, f"seed {manifest.training.seed}")
    yield SummaryLine("code", f"{made.code_version}, commit {made.code_commit}", changed)
    yield SummaryLine("source SHA-256", made.code_sha256, "")
    yield SummaryLine("data SHA-256", manifest.data_fingerprint, "")
    yield SummaryLine("feature schema", manifest.schema_hash, "")
    packages = ", ".join(f"{name} {version}" for name, version in made.packages.items())
    yield SummaryLine("made with", f"Python {made.python}, {made.machine}", packages)


def _duration(seconds: int) -> str:
    for length, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count} {name}" + ("s" if count > 1 else "")
    return f"{seconds} s"
