"""What is held back is kept once with its reason, and is never among the bars."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import SYMBOL, after, bar, frame


def refused(bars: list[Bar], reason: str = "spike", **more: object) -> pd.DataFrame:
    return frame_of(bars).assign(reason=reason, source="stream", **more)


def test_the_same_row_is_kept_once_with_the_time_when_it_was_first_seen(store: BarStore) -> None:
    for minutes in (1, 2):
        store.quarantine(SYMBOL, refused([bar(0), bar(15)], seen_at=after(minutes)))
    store.quarantine(SYMBOL, refused([bar(0)], reason="negative", seen_at=after(3)))
    found = store.quarantined(SYMBOL)
    assert list(found.index) == [pd.Timestamp(after(m)) for m in (0, 0, 15)]
    assert found["reason"].tolist() == ["spike", "negative", "spike"]
    assert list(found["seen_at"]) == [pd.Timestamp(after(m)) for m in (1, 3, 1)]
    assert store.read(SYMBOL).empty
    assert store.verify(SYMBOL) == []


def test_any_values_at_any_time_can_be_held_back(store: BarStore) -> None:
    wild = [float("nan"), float("inf"), float("-inf"), -1.0, 0.0, 1e308]
    times = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 5, 6, 7, 8, 9, 123, tzinfo=UTC)]
    bars = [
        Bar(SYMBOL, when, value, value, value, value, value) for value in wild for when in times
    ]
    for one in bars:
        store.quarantine(SYMBOL, refused([one]))
        store.quarantine(SYMBOL, refused([one]))
    found = store.quarantined(SYMBOL)
    assert len(found) == len(bars)
    np.testing.assert_array_equal(found["close"].to_numpy()[: len(wild)], wild)
    assert set(found.index) == {pd.Timestamp(when) for when in times}


def test_nothing_held_back_is_an_empty_frame_of_the_same_columns(store: BarStore) -> None:
    store.write(SYMBOL, frame(range(2)))
    empty = store.quarantined(SYMBOL)
    store.quarantine(SYMBOL, refused([bar(0)]))
    held = store.quarantined(SYMBOL)
    assert list(empty.columns) == list(held.columns)
    assert empty.dtypes.astype(str).tolist() == held.dtypes.astype(str).tolist()
    assert len(empty) == 0
