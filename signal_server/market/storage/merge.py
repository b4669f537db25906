"""How bars that come meet bars that are there: the first values stay, other ones are revisions."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.frames import in_order
from signal_server.market.storage.parquet import SEEN


@dataclass(frozen=True, slots=True)
class Merged:
    """First-seen values, the new revisions among what came, and whether the first ones changed."""

    bars: pd.DataFrame
    revised: pd.DataFrame
    new: int
    changed: bool


def merge(held: pd.DataFrame, revisions: pd.DataFrame, came: pd.DataFrame) -> Merged:
    """Merge bars that came into those of a month.

    `came` has the bar columns and `seen_at`. A value that was missing is filled in; one that
    differs from the latest known is a revision.
    """
    if held.empty:
        return Merged(came.loc[:, list(BAR_COLUMNS)], came.iloc[:0], len(came), changed=True)
    known = np.asarray(came.index.isin(held.index))
    again, new = came[known], came.loc[~known, list(BAR_COLUMNS)]
    revised = differing(latest(held, revisions), again)
    bars = held.fillna(again.reindex(held.index)) if known.any() else held
    changed = len(new) > 0 or (bool(known.any()) and not bars.equals(held))
    if len(new):
        bars = in_order(pd.concat([bars, new]))
    return Merged(bars, revised, len(new), changed)


def differing(known: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `again` that contradict what is known; NaN contradicts nothing."""
    if again.empty:
        return again
    columns = list(BAR_COLUMNS)
    before = known.loc[again.index, columns]
    differs = (before != again[columns]) & before.notna() & again[columns].notna()
    rows: pd.DataFrame = again[differs.any(axis=1)]
    return rows


def latest(bars: pd.DataFrame, revisions: pd.DataFrame) -> pd.DataFrame:
    """Return bars with the newest of their revisions laid over them."""
    if revisions.empty:
        return bars
    ordered = revisions.sort_values(SEEN, kind="stable", na_position="first")
    newest = ordered[~ordered.index.duplicated(keep="last")]
    newest = newest.loc[newest.index.isin(bars.index), list(bars.columns)]
    laid = bars.copy()
    laid.update(newest)
    return laid


def known_at(bars: pd.DataFrame, revisions: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """Return bars as they were known then: closed by then, with the revisions seen by then."""
    moment = pd.Timestamp(as_of)
    seen = revisions[np.asarray(revisions[SEEN] <= moment)] if len(revisions) else revisions
    return latest(bars[np.asarray(bars.index <= moment)], seen)
