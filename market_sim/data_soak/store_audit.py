"""Whether the store holds what the market did, and knows what was corrected later."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from market_sim.data_soak.audit import Bars, Truth, Values, clock_of
from market_sim.data_soak.diary import VALUES
from signal_server.market.store import BarStore


def stored_bars(frame: pd.DataFrame) -> dict[int, Values]:
    """Return a bar frame's values by close in ms."""
    closes = pd.DatetimeIndex(frame.index).as_unit("ms").asi8.tolist()
    rows = frame.loc[:, list(VALUES)].to_numpy().tolist()
    return {close: tuple(row) for close, row in zip(closes, rows, strict=True)}


def store_problems(truth: Truth, symbol: str, held: Bars, before: Bars) -> list[str]:
    """Say what is wrong with a symbol's stored bars, and what is gone that was there `before`."""
    problems = []
    for close, values in held.items():
        wrong = truth.fault_of(symbol, close, values)
        if wrong is not None:
            problems.append(f"{symbol} {clock_of(close)} in the store: {wrong}")
        elif close in before and values != before[close]:
            problems.append(f"{symbol} {clock_of(close)} in the store: its first values changed")
    gone = before.keys() - held.keys()
    return problems + [
        f"{symbol} {clock_of(close)} is gone from the store" for close in sorted(gone)
    ]


def damage_problems(store: BarStore, symbols: Sequence[str]) -> list[str]:
    """Say which files of the store are damaged."""
    return [f"{damaged}" for symbol in symbols for damaged in store.verify(symbol)]


def corrections(truth: Truth, store: BarStore, now: datetime) -> Counter[str]:
    """Count the bars that were told early and whose truth the store knows, or never heard.

    The stream replays nothing: a revision that came while nobody listened is not known.
    """
    counts: Counter[str] = Counter()
    for symbol in truth.symbols:
        latest = stored_bars(store.read(symbol, as_of=now))
        for close, values in latest.items():
            early = truth.early(symbol, close)
            if early is not None:
                counts["told early and corrected in the store"] += values != early
                counts["told early and never heard again"] += values == early
        counts["bars in quarantine"] += len(store.quarantined(symbol))
    return counts
