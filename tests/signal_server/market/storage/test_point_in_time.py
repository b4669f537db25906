"""A bar keeps its first values; later ones are revisions that are known from when they came."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.frames import frame_of
from signal_server.market.storage.merge import known_at, merge
from signal_server.market.storage.months import empty_revisions
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import START, SYMBOL, after, bar, frame


def close_of(store: BarStore, minutes: float | None = None) -> list[float]:
    as_of = None if minutes is None else after(minutes)
    return store.read(SYMBOL, as_of=as_of)["close"].tolist()


def test_a_bar_has_the_values_that_were_known_then(store: BarStore) -> None:
    store.write(SYMBOL, frame_of([bar(0, 10.0)]), seen_at=after(0.1))
    store.write(SYMBOL, frame_of([bar(0, 11.0)]), seen_at=after(5))
    store.write(SYMBOL, frame_of([bar(0, 12.0)]), seen_at=after(9))
    assert close_of(store) == [10.0]
    assert [close_of(store, m) for m in (-1, 0, 4.9, 5, 8, 9)] == [
        *([], [10.0], [10.0], [11.0], [11.0], [12.0])
    ]
    assert list(store.revisions(SYMBOL)["seen_at"]) == [pd.Timestamp(after(m)) for m in (5, 9)]


def test_the_same_values_again_are_no_revision_and_the_first_ones_again_are_one(
    store: BarStore,
) -> None:
    for minute, close in enumerate([10.0, 11.0, 11.0, 10.0, 10.0]):
        store.write(SYMBOL, frame_of([bar(0, close)]), seen_at=after(minute))
    assert store.revisions(SYMBOL)["close"].tolist() == [11.0, 10.0]
    assert close_of(store, 2) == [11.0]
    assert close_of(store, 3) == [10.0]


def test_a_revision_told_by_the_stream_is_seen_before_and_after_it_moved(store: BarStore) -> None:
    store.write(SYMBOL, frame_of([bar(0, 10.0)]))
    store.append(bar(0, 11.0), seen_at=after(3))
    store.append(bar(1, 20.0), seen_at=after(3))
    store.append(bar(1, 21.0), seen_at=after(4))
    for _ in range(2):
        assert close_of(store) == [10.0, 20.0]
        assert close_of(store, 3) == [11.0, 20.0]
        assert close_of(store, 4) == [11.0, 21.0]
        assert store.revisions(SYMBOL)["close"].tolist() == [11.0, 21.0]
        assert list(store.revisions(SYMBOL)["seen_at"]) == [pd.Timestamp(after(m)) for m in (3, 4)]
        store.compact(SYMBOL)


def test_files_of_an_earlier_version_stay_readable(store: BarStore) -> None:
    folder = store.folder / SYMBOL
    folder.mkdir(parents=True)
    frame(range(3)).to_parquet(folder / "2025-01.parquet", compression="zstd")
    frame(range(1, 2), 11.0).to_parquet(folder / "2025-01.revisions.parquet")
    values = ",".join(["10.0", "12.0", "10.0", "12.0", "1.0", "nan", "nan"])
    (folder / "live.csv").write_text(f"\n{after(3).isoformat()},{values},.\n", encoding="utf-8")
    assert close_of(store) == [10.0, 10.0, 10.0, 12.0]
    assert store.revisions(SYMBOL)["close"].tolist() == [11.0]
    assert store.revisions(SYMBOL)["seen_at"].isna().all()
    store.write(SYMBOL, frame_of([bar(1, 13.0)]), seen_at=after(60))
    store.compact(SYMBOL)
    assert store.revisions(SYMBOL)["close"].tolist() == [13.0, 11.0]
    assert close_of(store, 61) == [10.0, 13.0, 10.0, 12.0]
    assert store.verify(SYMBOL) == []


TOLD = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from([9.0, 10.0, 11.0])), min_size=1, max_size=8
)


@given(told=TOLD)
@settings(deadline=None, max_examples=25)
def test_whatever_was_told_when_each_moment_is_known_as_it_was(
    told: list[tuple[int, float]],
) -> None:
    bars, revisions = frame(range(0)), empty_revisions()
    history: list[dict[int, float]] = []
    for number, (minute, close) in enumerate(told):
        seen = pd.Timestamp(after(10 + number)).as_unit("us")
        merged = merge(bars, revisions, frame_of([bar(minute, close)]).assign(seen_at=seen))
        bars, revisions = merged.bars, pd.concat([revisions, merged.revised])
        history.append({**(history[-1] if history else {}), minute: close})
    first = {minute: close for minute, close in reversed(told)}
    assert bars["close"].tolist() == [first[minute] for minute in sorted(first)]
    for number, known in enumerate(history):
        then = known_at(bars, revisions, after(10 + number))
        for minute, close in known.items():
            assert then.loc[pd.Timestamp(after(minute)), "close"] == close


def test_whole_numbers_and_other_units_of_time_are_stored_like_any_others(store: BarStore) -> None:
    wanted = frame(range(3))
    odd = wanted.astype({"close": "int64", "volume": "int32"})
    odd.index = odd.index.as_unit("ns")
    assert store.write(SYMBOL, odd) == 3
    pd.testing.assert_frame_equal(store.read(SYMBOL), wanted, check_freq=False)
    assert store.write(SYMBOL, odd) == 0
    assert store.write(SYMBOL, frame(range(5))) == 2


@pytest.mark.parametrize("columns", [("close",), BAR_COLUMNS])
def test_columns_that_are_not_asked_for_are_not_read(
    store: BarStore, columns: tuple[str, ...]
) -> None:
    store.write(SYMBOL, frame(range(3)))
    store.append(bar(3))
    found = store.read(SYMBOL, columns=columns)
    assert (list(found.columns), len(found)) == (list(columns), 4)


def test_the_clock_says_when_a_revision_was_seen_if_nobody_else_does(tmp_path: Path) -> None:
    with BarStore(tmp_path, 60, clock=lambda: START) as store:
        store.write(SYMBOL, frame_of([bar(0, 10.0)]))
        store.write(SYMBOL, frame_of([bar(0, 11.0)]))
        assert list(store.revisions(SYMBOL)["seen_at"]) == [pd.Timestamp(START)]
        assert json.loads((store.folder / SYMBOL / ".writer.json").read_text())["since"] == (
            START.isoformat()
        )
