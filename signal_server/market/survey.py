"""What months of bars, taken one after the other, add up to."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.market.absence import Absences, CoveredBars, absences
from signal_server.market.frames import empty_frame
from signal_server.market.quality import BarFlag, check_frame
from signal_server.market.quality.shape import Times, times_of
from signal_server.market.quality.unusual import CONTEXT_BARS
from signal_server.market.quality.vocabulary import bit_of


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of which `missing` bars were never asked for, between two bars' closes."""

    after: datetime
    before: datetime
    missing: int


class Survey:
    """Counts of one symbol's bars, and of those that are not there, up to the newest taken."""

    def __init__(
        self, covered: CoveredBars, quarantined: Times, bar_seconds: int, now: datetime
    ) -> None:
        """Begin before the first bar; `quarantined` are the closes of all that is held back."""
        self.bars = self.quiet = self.held_back = self.missing = self.gaps = self.doubtful = 0
        self.longest: Gap | None = None
        self.flagged: Counter[str] = Counter()
        self._covered = covered
        self._quarantined = quarantined
        self._bar_seconds = bar_seconds
        self._now = now
        self._tail = empty_frame()

    def take(self, frame: pd.DataFrame) -> None:
        """Take the bars that follow those taken before; there may be none."""
        if frame.empty:
            return
        times = np.concatenate((times_of(self._tail.iloc[-1:]), times_of(frame)))
        self.bars += len(frame)
        self._take_absences(times)
        checked = check_frame(frame, self._bar_seconds, now=self._now, before=self._tail)
        self.flagged.update(_flag_counts(checked.flags))
        self.doubtful += len(checked.refused)
        newest = [part for part in (self._tail, frame.iloc[-CONTEXT_BARS:]) if len(part)]
        self._tail = pd.concat(newest).iloc[-CONTEXT_BARS:]

    def _take_absences(self, times: Times) -> None:
        bar_us = self._bar_seconds * 1_000_000
        found = absences(times, self._covered, bar_us)
        held_back = self._held_back(times, bar_us)
        self.held_back += held_back
        self.quiet += int(found.quiet.sum()) - held_back
        self.missing += int(found.missing.sum())
        self.gaps += int((found.missing > 0).sum())
        longest = _longest(found)
        if longest and (self.longest is None or longest.missing > self.longest.missing):
            self.longest = longest

    def _held_back(self, times: Times, bar_us: int) -> int:
        """Count the covered bar lengths whose only bars are quarantined."""
        held = self._quarantined
        inside = (held > times[0]) & (held < times[-1]) & (held % bar_us == 0)
        closes = np.unique(held[inside])
        alone = closes[times[np.searchsorted(times, closes)] != closes]
        return int((self._covered.until(alone) - self._covered.until(alone - bar_us)).sum())


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
