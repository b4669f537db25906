"""Minutes without trades are told apart from minutes that nobody asked for."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.absence import CoveredBars, absences
from signal_server.market.timeline import edges_between, timeline_of

START = datetime(2025, 1, 1, tzinfo=UTC)
BAR_US = 60_000_000
FIRST_US = int(START.timestamp()) * 1_000_000

MINUTES = st.sets(st.integers(1, 80), min_size=1).map(sorted)
SECONDS = st.integers(0, 90 * 60)


@st.composite
def periods(draw: st.DrawFn) -> list[tuple[datetime, datetime]]:
    edges = sorted(draw(st.sets(SECONDS, max_size=8)))
    moments = [START + timedelta(seconds=second) for second in edges]
    return list(zip(moments[::2], moments[1::2], strict=False))


def close(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def is_covered(minute: int, covered: list[tuple[datetime, datetime]]) -> bool:
    return any(start < close(minute) <= end for start, end in covered)


@given(MINUTES, periods())
def test_each_absent_minute_is_counted_once_and_rightly(
    minutes: list[int], covered: list[tuple[datetime, datetime]]
) -> None:
    times = FIRST_US + np.array(minutes) * BAR_US
    found = absences(times, CoveredBars(covered, BAR_US), BAR_US)
    absent = set(range(minutes[0], minutes[-1])) - set(minutes)
    assert found.absent.sum() == len(absent)
    assert found.quiet.sum() == sum(is_covered(minute, covered) for minute in absent)
    for after, before, missing in zip(found.after, found.before, found.missing, strict=True):
        between = [m for m in absent if after < FIRST_US + m * BAR_US < before]
        assert missing == sum(not is_covered(minute, covered) for minute in between)


@given(MINUTES, periods(), st.integers(1, 12))
def test_the_pieces_of_a_timeline_add_up_to_all_minutes(
    minutes: list[int], covered: list[tuple[datetime, datetime]], pieces: int
) -> None:
    index = pd.DatetimeIndex([close(minute) for minute in minutes]).as_unit("us")
    frame = pd.DataFrame({"close": np.arange(len(minutes)) + 1.0}, index=index)
    edges = edges_between(close(0), close(81), pieces)
    line = timeline_of("BTC-USD", frame, CoveredBars(covered, BAR_US), edges, 60)
    slots = np.arange(minutes[0], minutes[-1] + 1)
    placed = np.searchsorted(edges, FIRST_US + slots * BAR_US) - 1
    for piece in range(pieces):
        inside = [int(minute) for minute in slots[placed == piece]]
        size = max(len(inside), 1)
        here = [minute in minutes for minute in inside]
        quiet = [is_covered(m, covered) and m not in minutes for m in inside]
        assert np.isclose(line.present[piece], sum(here) / size)
        assert np.isclose(line.quiet[piece], sum(quiet) / size)
        assert np.isclose(line.missing[piece], (len(inside) - sum(here) - sum(quiet)) / size)
        assert np.isnan(line.price[piece]) == (not any(here))
