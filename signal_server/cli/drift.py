"""`signal-server drift`: whether live bars are still like those that the models learnt from."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from signal_server.cli.session import Session, pass_session
from signal_server.core.clock import utc_now

if TYPE_CHECKING:
    from rich.table import Table

    from signal_server.core.config import Settings
    from signal_server.journal.evidence import Version
    from signal_server.serving.drift import DriftReport
    from signal_server.training.registry import ModelRegistry

CHAMPION, CHALLENGER = "champion", "challenger"


@click.command(name="drift")
@click.option("--profile", help="Its models; those of serving.profile by default.")
@click.option(
    "--features",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="List so many features, the farthest from training first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
@pass_session
def command(session: Session, profile: str | None, features: int, as_json: bool) -> None:
    """Compare live rows and calls with training, for the champion and its challengers.

    PSI is the population stability index of the last day against the train part: under 0.1 no
    change, above 0.25 a large one. Accuracy counts calls whose horizons do not overlap. Reads the
    trade log, whether the server runs or not.
    """
    from signal_server.cli.screen import make_console

    settings = session.settings
    name = profile or settings.serving.profile
    session.profile(name)
    reports = _reports(settings, name)
    if as_json:
        click.echo(json.dumps([_jsonable(part, report) for part, report in reports], indent=2))
        return
    console = make_console()
    console.print(_table(name, reports))
    console.print(_features(reports[0][1], features, settings.serving.drift.warn_psi))
    for part, report in reports:
        for word, said in (("halt", report.halts), ("warning", report.warnings)):
            for sentence in said:
                console.print(f"{part} {'@'.join(report.model)}: {word}: {sentence}")


def _reports(settings: "Settings", name: str) -> "list[tuple[str, DriftReport]]":
    from signal_server.cli.served_models import is_pooled, own_names
    from signal_server.cli.serving_parts import watched
    from signal_server.journal.journal import Journal
    from signal_server.serving.drift import drift_report
    from signal_server.training.registry import ModelRegistry

    registry = ModelRegistry(settings.models_dir)
    names = [name] if is_pooled(settings, name) else own_names(registry, settings, name).values()
    reports = []
    with Journal.open_existing(settings.trade_log) as journal:
        for part, model in (pair for one in names for pair in _playing(registry, one)):
            seen = watched(registry, model, settings.bar_seconds)
            report = drift_report(journal, seen, settings.serving.drift, utc_now())
            reports.append((part, report))
    return reports


def _playing(registry: "ModelRegistry", name: str) -> "list[tuple[str, Version]]":
    challengers = [(CHALLENGER, (name, version)) for version in registry.challengers(name)]
    return [(CHAMPION, (name, registry.champion(name))), *challengers]


def _table(profile: str, reports: "Sequence[tuple[str, DriftReport]]") -> "Table":
    from rich.table import Table

    table = Table(title=f"How models of {profile} do live")
    for name in ("part", "model", "version"):
        table.add_column(name)
    for name in ("rows", "PSI confidence", "calls", "right", "calibration error", "Brier"):
        table.add_column(name, justify="right")
    table.add_column("state")
    for part, report in reports:
        table.add_row(part, *report.model, *_figures(report), _state(report))
    return table


def _figures(report: "DriftReport") -> tuple[str, ...]:
    stability, performance = report.stability, report.performance
    known = performance.outcomes > 0
    return (
        f"{stability.rows:,}",
        "" if stability.confidence is None else f"{stability.confidence:.2f}",
        f"{performance.outcomes:,}",
        f"{performance.accuracy:.1%}" if known else "",
        f"{performance.calibration_error:.3f}" if known else "",
        f"{performance.brier:.3f}" if known else "",
    )


def _state(report: "DriftReport") -> str:
    if report.halts:
        return "[red]halt[/]"
    return "[yellow]warning[/]" if report.warnings else "[green]no drift seen[/]"


def _features(report: "DriftReport", count: int, limit: float) -> "Table | str":
    from rich.table import Table

    found = report.stability.features
    if not found:
        return "Too few live rows of the champion to compare its features with training."
    title = f"Features of {report.model[0]}, farthest first: {len(found)} in all"
    table = Table(title=title)
    table.add_column("feature")
    table.add_column("PSI", justify="right")
    for name in sorted(found, key=lambda one: -found[one])[:count]:
        value = f"{found[name]:.2f}"
        table.add_row(name, f"[yellow]{value}[/]" if found[name] > limit else value)
    return table


def _jsonable(part: str, report: "DriftReport") -> dict[str, Any]:
    stability, performance = report.stability, report.performance
    known = performance.outcomes > 0
    return {
        "part": part,
        "model": report.model[0],
        "version": report.model[1],
        "at": report.at.isoformat(),
        "rows": stability.rows,
        "psi_confidence": stability.confidence,
        "psi_features": stability.features,
        "calls": performance.outcomes,
        "accuracy": performance.accuracy if known else None,
        "calibration_error": performance.calibration_error if known else None,
        "brier": performance.brier if known else None,
        "overconfidence": performance.overconfidence if known else None,
        "halts": list(report.halts),
        "warnings": list(report.warnings),
    }
