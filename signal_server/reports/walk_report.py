"""The report of a walk forward: what models, each trained on its past, said of their future."""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import TypeAdapter

from signal_server.reports import pictures
from signal_server.reports.page import Page, Section, render
from signal_server.reports.results import bare_sentence, sections, tiles
from signal_server.training.summary import SummaryLine
from signal_server.training.walkforward import StepResult, WalkForward

_RESULT = TypeAdapter(WalkForward)


def walk_report(result: WalkForward) -> dict[str, str]:
    """Return the files of the report by name."""
    return {
        "index.html": render(walk_page(result)),
        "report.json": _RESULT.dump_json(result, indent=2).decode() + "\n",
    }


def walk_page(result: WalkForward) -> Page:
    """Return the page of a walk forward."""
    schedule, validation = result.schedule, result.validation
    subtitle = (
        f"{', '.join(result.symbols)}; {len(result.steps):,} models, one every "
        f"{_days(schedule.every)}, each trained on the {_days(schedule.window)} before; judged on "
        f"{validation.rows:,} rows from {schedule.start:%Y-%m-%d} to {schedule.end:%Y-%m-%d}, "
        f"about {validation.independent_rows:,} of them independent"
    )
    return Page(
        title=f"{result.profile_name}, walking forward",
        subtitle=subtitle,
        verdict=validation.verdict,
        sentence=bare_sentence(validation),
        tiles=tiles(validation),
        sections=(*sections(validation), (_steps(result.steps),)),
    )


def _steps(steps: Sequence[StepResult]) -> Section:
    better = sum(step.accuracy > 0.5 for step in steps)
    return Section(
        "What did each training make?",
        f"{better} of {len(steps)} models were right more often than not on the rows after them. "
        "Rounds near 0 mean that a training found nothing that held in its validation part.",
        pictures.steps(steps),
        tuple(_line(step) for step in steps),
        folded=True,
    )


def _line(step: StepResult) -> SummaryLine:
    return SummaryLine(
        f"{step.moment:%Y-%m-%d %H:%M}",
        f"{step.accuracy:.1%} of {step.rows:,} rows",
        f"{step.rounds:,} rounds on {step.train_rows:,} rows, calibration {step.calibration}",
    )


def _days(length: timedelta) -> str:
    days = length / timedelta(days=1)
    return f"{days:g} day" + ("" if days == 1 else "s")
