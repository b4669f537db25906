"""The report of a model that was judged on a later period."""

from pydantic import TypeAdapter

from signal_server.reports.page import Page, render
from signal_server.reports.results import bare_sentence, sections, tiles
from signal_server.training.judging import Judgement

_JUDGEMENT = TypeAdapter(Judgement)


def judgement_report(judgement: Judgement) -> dict[str, str]:
    """Return the files of the report by name."""
    return {
        "index.html": render(judgement_page(judgement)),
        "report.json": _JUDGEMENT.dump_json(judgement, indent=2).decode() + "\n",
    }


def judgement_page(judgement: Judgement) -> Page:
    """Return the page of a judgement."""
    validation = judgement.validation
    return Page(
        title=f"{judgement.name} {judgement.version}, judged later",
        subtitle=(
            f"{', '.join(judgement.symbols)}; learned until {judgement.learned_until:%Y-%m-%d}; "
            f"judged on {validation.rows:,} rows from {judgement.start:%Y-%m-%d} to "
            f"{judgement.end:%Y-%m-%d}, about {validation.independent_rows:,} of them independent"
        ),
        verdict=validation.verdict,
        sentence=bare_sentence(validation),
        tiles=tiles(validation),
        sections=sections(validation),
    )
