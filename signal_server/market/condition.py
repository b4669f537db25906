"""The condition of what is held of a symbol: what there is, what is missing and what is odd."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.clock import Clock
from signal_server.core.errors import MarketDataError
from signal_server.market.absence import Absences, CoveredBars, absences
from signal_server.market.coverage import Coverage, Interval
from signal_server.market.quality import BarFlag, check_frame
from signal_server.market.quality.shape import Times, times_of
from signal_server.market.quality.vocabulary import bit_of
from signal_server.market.store import BarStore


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of which `missing` bars were never asked for, between two bars' closes."""

    after: datetime
    before: datetime
    missing: int


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
    """Read all that is held of a symbol. A damaged file is a `problem`, and no error."""
    try:
        frame, quarantined = store.read(symbol), store.quarantined(symbol)
        revisions = len(store.revisions(symbol))
    except MarketDataError as error:
        return Condition(symbol, bytes=store.size(symbol), problem=str(error))
    counts = dict(Counter(str(reason) for reason in quarantined["reason"]))
    kept = Condition(symbol, revisions=revisions, quarantined=counts, bytes=store.size(symbol))
    if frame.empty:
        return kept
    return _with_bars(kept, frame, times_of(quarantined), store, clock())


def covered_of(store: BarStore, symbol: str, period: Interval) -> CoveredBars:
    """Return which bars of a period some source was asked for."""
    coverage = Coverage(store.folder / symbol / "coverage.json")
    return CoveredBars(coverage.covered(period), store.bar_seconds * 1_000_000)


def _with_bars(
    kept: Condition, frame: pd.DataFrame, quarantined: Times, store: BarStore, now: datetime
) -> Condition:
    first, last = frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime()
    bar_us, times = store.bar_seconds * 1_000_000, times_of(frame)
    covered = covered_of(store, kept.symbol, (first, last))
    found = absences(times, covered, bar_us)
    held_back = _held_back(quarantined, times, covered, bar_us)
    checked = check_frame(frame, store.bar_seconds, now=now)
    return replace(
        kept,
        first=first,
        last=last,
        bars=len(frame),
        quiet=int(found.quiet.sum()) - held_back,
        held_back=held_back,
        missing=int(found.missing.sum()),
        gaps=int((found.missing > 0).sum()),
        longest=_longest(found),
        flagged=_flag_counts(checked.flags),
        doubtful=len(checked.refused),
    )


def _held_back(quarantined: Times, times: Times, covered: CoveredBars, bar_us: int) -> int:
    """Count the covered bar lengths whose only bars are quarantined."""
    inside = (quarantined > times[0]) & (quarantined < times[-1]) & (quarantined % bar_us == 0)
    closes = np.unique(quarantined[inside])
    alone = closes[times[np.searchsorted(times, closes)] != closes]
    return int((covered.until(alone) - covered.until(alone - bar_us)).sum())


def _longest(found: Absences) -> Gap | None:
    if not found.missing.any():
        return None
    row = int(found.missing.argmax())
    after, before = (_moment(int(times[row])) for times in (found.after, found.before))
    return Gap(after, before, int(found.missing[row]))


def _moment(time_us: int) -> datetime:
    return pd.Timestamp(time_us, unit="us", tz="UTC").to_pydatetime()


def _flag_counts(masks: NDArray[np.uint8]) -> dict[str, int]:
    counts = {flag.value: int(((masks & bit_of(flag)) != 0).sum()) for flag in BarFlag}
    return {name: count for name, count in counts.items() if count}
