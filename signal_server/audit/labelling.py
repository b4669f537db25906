"""Whether a label is known when it says so."""

from typing import Any

import numpy as np
import pandas as pd

from signal_server.audit.future import FUTURES, with_future
from signal_server.audit.markets import Market
from signal_server.audit.subject import Subject

LABELS = 25
BARS_BEFORE = 200
BARS_AFTER = 200
COLUMNS = ("label", "known_at", "forward_return")


def known_at(subject: Subject, market: Market) -> tuple[str, ...]:
    """Change all that closes after a label's `known_at`, in three ways, and label again.

    Label, return and `known_at` must stay as they are, to the last digit, at 25 places a symbol,
    and no label may be known when its row's bar closes. A label that still hangs on a later bar
    differs, since the market both triples and falls to a third there.
    """
    found: dict[str, str] = {}
    for symbol, frame in market.bars.items():
        labels = subject.label(frame, subject.label_config, subject.bar_seconds)
        known = np.flatnonzero(labels["label"].notna().to_numpy())
        if not len(known):
            continue
        for at in known[np.linspace(0, len(known) - 1, LABELS, dtype=int)]:
            moment = labels["known_at"].iloc[at]
            where = f"of {symbol} at {frame.index[at]:%Y-%m-%d %H:%M:%S} in {market.name}"
            for column, text in _changes(subject, frame, int(at), moment).items():
                found.setdefault(column, f"{column} {where} {text}")
    return tuple(found.values())


def _changes(
    subject: Subject, frame: pd.DataFrame, at: int, moment: pd.Timestamp
) -> dict[str, str]:
    """Return, for each column that another future changes, how it differs."""
    close = frame.index[at]
    if moment <= close:
        return {"known_at": "is not after the close of its own bar"}
    until = int(frame.index.searchsorted(moment, side="right"))
    part = {"": frame.iloc[max(at - BARS_BEFORE, 0) : until + BARS_AFTER]}
    one = subject.label(part[""], subject.label_config, subject.bar_seconds).loc[close]
    found = {}
    for name, future in FUTURES.items():
        bars = with_future(part, moment, future)[""]
        other = subject.label(bars, subject.label_config, subject.bar_seconds).loc[close]
        for column in COLUMNS:
            if not _same(one[column], other[column]):
                after = f"the market after its known_at, {moment:%Y-%m-%d %H:%M:%S}, is {name}"
                found[column] = f"is {one[column]}, but {other[column]} when {after}"
    return found


def _same(one: Any, other: Any) -> bool:
    return bool(pd.isna(one) and pd.isna(other)) or bool(one == other)
