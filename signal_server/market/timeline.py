"""A symbol's history in a few hundred equal pieces of time, for a picture."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.market.absence import CoveredBars
from signal_server.market.condition import covered_of
from signal_server.market.quality.frame import microseconds
from signal_server.market.quality.shape import Times, times_of
from signal_server.market.store import BarStore

PIECES = 600

Shares = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What there is of each piece of time, as shares of the bars that it can hold.

    Arrays have one value a piece. The shares are 0 outside of the first to the last bar; `price`
    is the last close in a piece, NaN without a bar.
    """

    symbol: str
    present: Shares
    quiet: Shares
    missing: Shares
    price: NDArray[np.float64]
    bars: int


def edges_between(start: datetime, end: datetime, pieces: int = PIECES) -> Times:
    """Return the edges of equal pieces of time, in microseconds UTC."""
    return np.linspace(microseconds(start), microseconds(end), pieces + 1).astype(np.int64)


def timelines(store: BarStore, symbols: Iterable[str], edges: Times) -> Iterator[Timeline]:
    """Read one symbol after the other, each of which has bars."""
    for symbol in symbols:
        frame = store.read(symbol, columns=("close",))
        period = frame.index[0].to_pydatetime(), frame.index[-1].to_pydatetime()
        covered = covered_of(store, symbol, period)
        yield timeline_of(symbol, frame, covered, edges, store.bar_seconds)


def timeline_of(
    symbol: str, frame: pd.DataFrame, covered: CoveredBars, edges: Times, bar_seconds: int
) -> Timeline:
    """Count the bars of a symbol, which has some, between the edges."""
    bar_us, times = bar_seconds * 1_000_000, times_of(frame)
    until = np.searchsorted(times, edges, side="right")
    present = np.diff(until)
    inside = np.clip(edges, times[0] - bar_us, times[-1])
    expected = np.diff(inside // bar_us)
    # Covered bars that are there do not count as quiet.
    there = np.concatenate(([0], np.cumsum(covered.until(times) - covered.until(times - bar_us))))
    quiet = np.diff(covered.until(inside) - there[until])
    closes = frame["close"].to_numpy(np.float64)
    price = np.where(present > 0, closes[np.maximum(until[1:] - 1, 0)], np.nan)
    scale = 1.0 / np.maximum(expected, 1)
    missing = expected - present - quiet
    return Timeline(symbol, present * scale, quiet * scale, missing * scale, price, len(frame))
