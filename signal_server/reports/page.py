"""A page of a report as data, and as HTML that needs no other file."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined

from signal_server.training.summary import SummaryLine
from signal_server.training.verdict import Verdict

_MOODS = {Verdict.PROCEED: "good", Verdict.OPTIMISE: "middle", Verdict.PIVOT: "bad"}


@dataclass(frozen=True, slots=True)
class Section:
    """A question, what answers it in words, a picture (an SVG element) and a table.

    A `folded` table is seen when asked for.
    """

    title: str
    text: str
    picture: str = ""
    lines: tuple[SummaryLine, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page: what it is about, the verdict, the figures to see first, and rows of sections."""

    title: str
    subtitle: str
    verdict: Verdict
    sentence: str
    tiles: tuple[SummaryLine, ...]
    sections: tuple[Sequence[Section], ...]
    footer: str = ""

    @property
    def mood(self) -> str:
        """Return how the verdict is coloured."""
        return _MOODS[self.verdict]


def render(page: Page) -> str:
    """Return the page as one HTML document; all text is escaped, pictures are not."""
    template = files("signal_server.reports").joinpath("templates/page.html")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(template.read_text(encoding="utf-8")).render(page=page)
