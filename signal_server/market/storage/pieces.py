"""Bar frames cut by time and month, and put together again."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from signal_server.market.frames import INDEX_NAME, in_order
from signal_server.market.storage.damage import months_of
from signal_server.market.storage.parquet import SEEN

Period = tuple[datetime | None, datetime | None]
"""After the first time up to the second, which belongs to it; None means no limit."""

_INSTANT = timedelta(microseconds=1)


def within(months: Sequence[str], period: Period) -> list[str]:
    """Return those of the months, like 2025-06, that a period touches."""
    start, end = period
    low = "" if start is None else f"{start.astimezone(UTC):%Y-%m}"
    high = "9999-99" if end is None else f"{end.astimezone(UTC):%Y-%m}"
    return [month for month in months if low <= month <= high]


def between(frame: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Return the rows of a sorted frame that lie in a period."""
    index, (start, end) = pd.DatetimeIndex(frame.index), period
    first = 0 if start is None else index.searchsorted(pd.Timestamp(start), side="right")
    last = len(index) if end is None else index.searchsorted(pd.Timestamp(end), side="right")
    return frame.iloc[int(first) : int(last)]


def joined(stored: pd.DataFrame, live: pd.DataFrame) -> pd.DataFrame:
    """Return stored bars with those live ones that are not among them."""
    if stored.empty or live.index[0] > stored.index[-1]:
        return pd.concat([stored, live]) if len(stored) else live
    return in_order(pd.concat([stored, live]))


def by_month(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield each month, like 2025-06, and its rows, of a frame in order."""
    months = months_of(pd.DatetimeIndex(frame.index))
    ends = [*np.flatnonzero(np.diff(months)) + 1, len(months)]
    for start, end in pairwise([0, *ends]):
        if start < end:
            yield str(months[start]), frame.iloc[start:end]


def month_period(month: str) -> tuple[datetime, datetime]:
    """Return the period that holds exactly the closes of a month."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    return first - _INSTANT, following - _INSTANT


def once(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return rows sorted by close and `seen_at`, of equal ones the first; NaN equals NaN."""
    ordered = frame.reset_index().sort_values([INDEX_NAME, SEEN], kind="stable")
    return ordered.drop_duplicates([INDEX_NAME, *columns]).set_index(INDEX_NAME)
