"""What the store holds of a symbol when live bars begin: its newest bars, and their holes."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pandas as pd

from signal_server.market.coverage import Coverage
from signal_server.market.frames import empty_frame
from signal_server.market.live_order import KEPT_BARS
from signal_server.market.spans import Span, Spans, close_of, number_of
from signal_server.market.store import BarStore

LOOK_BACK_BARS = 10_000
"""A process that was killed can have left a hole so far back; older ones are for a backfill."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The newest bars, and what is missing among them and was given by no source."""

    bars: pd.DataFrame
    holes: tuple[Span, ...]


def newest_stored(store: BarStore, symbol: str) -> Stored:
    """Read what the store holds; raise `MarketDataError` if it cannot be read."""
    last = store.last_close(symbol)
    if last is None:
        return Stored(empty_frame(), ())
    length = timedelta(seconds=store.bar_seconds)
    frame = store.read(symbol, start=last - LOOK_BACK_BARS * length)
    return Stored(frame.iloc[-KEPT_BARS:], tuple(_holes(store, symbol, frame)))


def _holes(store: BarStore, symbol: str, frame: pd.DataFrame) -> list[Span]:
    """Return what lies between the bars of a frame and is not covered."""
    length = store.bar_seconds
    numbers = [number_of(moment, length) for moment in frame.index]
    gaps = [(a, b - 1) for a, b in pairwise(numbers) if a < b - 1]
    if not gaps:
        return []
    period = (close_of(gaps[0][0], length), close_of(gaps[-1][1], length))
    coverage = Coverage.of(store.folder, symbol)
    uncovered = Spans(
        (number_of(start, length), number_of(end, length))
        for start, end in coverage.missing(period)
    )
    return [part for gap in gaps for part in uncovered.within(gap)]
