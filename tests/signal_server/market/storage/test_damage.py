"""Damage is found by name, moved aside and fetched again; a read never gives a wrong price."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Coverage, Source
from signal_server.market.frames import frame_of
from signal_server.market.storage.parquet import (
    DAMAGE,
    Block,
    checked,
    columns_of,
    encode,
)
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import START, SYMBOL, after, bar, frame

BARS = frame_of([bar(m, 10.0 + m / 7, transactions=float(m)) for m in range(10)])
NAMES = tuple(BARS.columns)
CONTENT = encode(BARS).to_pybytes()


@pytest.fixture
def filled(store: BarStore) -> BarStore:
    """Return a store with two months of bars, a revision, a quarantine and live bars."""
    store.write(SYMBOL, frame(range(30)))
    store.write(SYMBOL, frame(range(1, 2), 11.0))
    store.quarantine(SYMBOL, frame(range(1)).assign(reason="spike", source="rest"))
    store.append(bar(30))
    return store


def file_of(store: BarStore, name: str) -> Path:
    return store.folder / SYMBOL / name


def test_a_whole_store_is_verified_without_a_finding(filled: BarStore) -> None:
    assert filled.verify(SYMBOL) == []
    assert filled.verify("ETH-USD") == []


@pytest.mark.parametrize(
    "name",
    ["2025-01.parquet", "revisions/2025-01.parquet", "quarantine/2025-01.parquet", "live.csv"],
)
def test_a_damaged_file_is_found_moved_aside_and_fetched_again(filled: BarStore, name: str) -> None:
    path = file_of(filled, name)
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x55
    content[len(content) // 2] ^= 0x55
    path.write_bytes(content if name.endswith("parquet") else b"\n2025-01-31,x,1,1,1,1,1,1,.\n")
    coverage = Coverage.of(filled.folder, SYMBOL)
    period = START - timedelta(days=60), START + timedelta(days=60)
    coverage.add(period, Source.REST, START)
    (damaged,) = filled.verify(SYMBOL)
    assert (damaged.path, damaged.symbol) == (str(path), SYMBOL)
    kept = Path(filled.discard(damaged))
    assert not path.exists()
    assert kept.parent == file_of(filled, "damaged")
    assert kept.read_bytes() == path_content(kept, name, content)
    assert filled.verify(SYMBOL) == []
    missing = coverage.missing(period)
    assert missing
    if damaged.month:
        first = datetime(2025, 1, 1, tzinfo=UTC) - timedelta(minutes=1)
        assert missing == [(first, datetime(2025, 1, 31, 23, 59, tzinfo=UTC))]


def path_content(kept: Path, name: str, content: bytearray) -> bytes:
    return bytes(content) if name.endswith("parquet") else kept.read_bytes()


def test_bars_of_a_discarded_month_can_be_written_again(filled: BarStore) -> None:
    file_of(filled, "2025-01.parquet").write_bytes(b"PAR1 nothing more")
    for act in (lambda: filled.read(SYMBOL), lambda: filled.write(SYMBOL, frame(range(3)))):
        with pytest.raises(MarketDataError, match=r"2025-01\.parquet is damaged .*verify"):
            act()
    assert len(filled.read(SYMBOL, start=after(10))) == 20
    for damaged in filled.verify(SYMBOL):
        filled.discard(damaged)
    assert filled.write(SYMBOL, frame(range(30))) == 10
    assert len(filled.read(SYMBOL)) == 31


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda bars: bars.assign(high=bars["low"] / 2), "no valid bars|no bars"),
        (lambda bars: bars.iloc[::-1], "order"),
        (lambda bars: pd.concat([bars, bars.tail(1)]), "order"),
        (lambda bars: bars.set_index(bars.index + pd.Timedelta("60D")), "another month"),
        (lambda bars: bars.set_index(bars.index + pd.Timedelta("1s")), "valid"),
        (lambda bars: bars.drop(columns="volume"), "volume"),
        (lambda bars: bars.astype({"close": "str"}), "cannot be read"),
        (lambda bars: bars.iloc[:0], "holds no bars"),
    ],
)
def test_a_readable_file_of_no_bars_is_damaged(store: BarStore, change, reason: str) -> None:
    store.write(SYMBOL, BARS)
    change(BARS).to_parquet(file_of(store, "2025-01.parquet"))
    (damaged,) = store.verify(SYMBOL)
    assert pd.Series([damaged.reason]).str.contains(reason).all(), damaged.reason


def test_a_file_under_the_name_of_another_month_is_an_error_when_read(store: BarStore) -> None:
    store.write(SYMBOL, frame(range(30)))
    file_of(store, "2025-02.parquet").rename(file_of(store, "2025-03.parquet"))
    with pytest.raises(MarketDataError, match=r"2025-03\.parquet is damaged"):
        store.read(SYMBOL)


def test_a_price_outside_of_its_bar_is_an_error_when_read(store: BarStore) -> None:
    store.write(SYMBOL, BARS)
    BARS.assign(close=1e9).to_parquet(file_of(store, "2025-01.parquet"))
    with pytest.raises(MarketDataError, match=r"2025-01\.parquet is damaged"):
        store.read(SYMBOL)


@settings(deadline=None, max_examples=300)
@given(place=st.integers(0, len(CONTENT) - 1), value=st.integers(0, 255))
def test_no_byte_can_change_a_price_unnoticed(place: int, value: int) -> None:
    content = bytearray(CONTENT)
    content[place] = value
    try:
        table = checked(pa.py_buffer(bytes(content)), NAMES)
        block = Block([len(table)], NAMES)
        block.put(0, columns_of(table, NAMES))
    except DAMAGE:
        return
    pd.testing.assert_frame_equal(block.frame(), BARS)


def test_a_file_of_an_earlier_version_is_checked_by_its_pages(store: BarStore) -> None:
    store.write(SYMBOL, BARS)
    path = file_of(store, "2025-01.parquet")
    pq.write_table(pa.Table.from_pandas(BARS), path, write_page_checksum=True)
    pd.testing.assert_frame_equal(store.read(SYMBOL), BARS)
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    content[column.dictionary_page_offset + column.total_compressed_size - 4] ^= 1
    path.write_bytes(content)
    with pytest.raises(MarketDataError) as raised:
        store.read(SYMBOL)
    assert "CRC" in str(raised.value.__cause__)
