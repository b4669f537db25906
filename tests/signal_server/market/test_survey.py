"""Months taken one after the other add up to what the whole is."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.market.absence import CoveredBars
from signal_server.market.frames import bar_frame
from signal_server.market.survey import Survey

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=9)
MINUTE = timedelta(minutes=1)
BAR_US = 60_000_000

MINUTES = st.sets(st.integers(1, 80), min_size=1).map(sorted)
HELD = st.sets(st.integers(-5, 90)).map(sorted)


def closes(minutes: list[int]) -> list[datetime]:
    return [START + minute * MINUTE for minute in minutes]


def still(minutes: list[int]) -> pd.DataFrame:
    columns = {name: np.ones(len(minutes)) for name in ("open", "high", "low", "close", "volume")}
    return bar_frame(closes(minutes), columns)


def counts(survey: Survey) -> list[object]:
    names = ("bars", "quiet", "held_back", "missing", "gaps", "doubtful", "longest", "flagged")
    return [getattr(survey, name) for name in names]


@settings(max_examples=50, deadline=None)
@given(MINUTES, HELD, st.integers(0, 90), st.sets(st.integers(0, 80)))
def test_however_bars_are_cut_they_add_up(
    minutes: list[int], held: list[int], covered_until: int, cuts: set[int]
) -> None:
    frame = still(minutes)
    covered = CoveredBars([(START, START + covered_until * MINUTE)], BAR_US)
    stamps = np.array([int(close.timestamp()) * 1_000_000 for close in closes(held)], np.int64)
    whole, pieces = (Survey(covered, stamps, 60, NOW) for _ in range(2))
    whole.take(frame)
    for part in np.split(np.arange(len(frame)), sorted(cut for cut in cuts if cut < len(frame))):
        pieces.take(frame.iloc[part])
    assert counts(pieces) == counts(whole)
    absent = set(range(minutes[0], minutes[-1])) - set(minutes)
    quiet = {minute for minute in absent if minute <= covered_until}
    assert whole.held_back == len(quiet & set(held))
    assert whole.quiet == len(quiet - set(held))
    assert whole.missing == len(absent - quiet)
