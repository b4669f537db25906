"""The condition of what is held of a symbol: what there is, what is missing and what is odd."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from signal_server.core.clock import Clock
from signal_server.core.errors import MarketDataError
from signal_server.market.absence import CoveredBars
from signal_server.market.coverage import Coverage, Interval
from signal_server.market.quality.shape import times_of
from signal_server.market.store import BarStore
from signal_server.market.survey import Gap, Survey


@dataclass(frozen=True, slots=True)
class Condition:
    """What is held of a symbol from its first to its last bar.

    Each bar length between them has a bar, or is `quiet` (a source was asked and knows of no
    trades), `held_back` (its only bars are quarantined) or `missing` (nobody has asked).
    `doubtful` bars are stored and would be refused today. `problem` says why the rest is not known.
    """

    symbol: str
    first: datetime | None = None
    last: datetime | None = None
    bars: int = 0
    quiet: int = 0
    held_back: int = 0
    missing: int = 0
    gaps: int = 0
    longest: Gap | None = None
    revisions: int = 0
    quarantined: Mapping[str, int] = field(default_factory=dict)
    flagged: Mapping[str, int] = field(default_factory=dict)
    doubtful: int = 0
    bytes: int = 0
    problem: str = ""

    @property
    def share(self) -> float:
        """The share of bar lengths with a bar, 0 to 1."""
        expected = self.bars + self.quiet + self.held_back + self.missing
        return self.bars / expected if expected else 0.0


def condition_of(store: BarStore, symbol: str, clock: Clock) -> Condition:
    """Read all that is held of a symbol, a month at a time.

    A damaged file is a `problem`, and no error.
    """
    size = store.size(symbol)
    try:
        return _read(store, Condition(symbol, bytes=size), clock())
    except MarketDataError as error:
        return Condition(symbol, bytes=size, problem=str(error))


def covered_of(store: BarStore, symbol: str, period: Interval) -> CoveredBars:
    """Return which bars of a period some source was asked for."""
    coverage = Coverage.of(store.folder, symbol)
    return CoveredBars(coverage.covered(period), store.bar_seconds * 1_000_000)


def _read(store: BarStore, known: Condition, now: datetime) -> Condition:
    symbol, quarantined = known.symbol, store.quarantined(known.symbol)
    reasons = dict(Counter(str(reason) for reason in quarantined["reason"]))
    known = replace(known, quarantined=reasons, revisions=len(store.revisions(symbol)))
    first, last = store.first_close(symbol), store.last_close(symbol)
    if first is None or last is None:
        return known
    covered = covered_of(store, symbol, (first, last))
    survey = Survey(covered, times_of(quarantined), store.bar_seconds, now)
    for start, end in _months(first, last):
        survey.take(store.read(symbol, start, end))
    return replace(
        known,
        first=first,
        last=last,
        bars=survey.bars,
        quiet=survey.quiet,
        held_back=survey.held_back,
        missing=survey.missing,
        gaps=survey.gaps,
        longest=survey.longest,
        flagged=dict(survey.flagged),
        doubtful=survey.doubtful,
    )


def _months(first: datetime, last: datetime) -> Iterator[Interval]:
    """Give the months from one close to another, each of which holds the closes of a file."""
    instant = timedelta(microseconds=1)
    start = datetime(first.year, first.month, 1, tzinfo=UTC)
    while start <= last:
        following = (start + timedelta(days=32)).replace(day=1)
        yield start - instant, following - instant
        start = following
