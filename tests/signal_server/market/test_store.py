"""The bar store keeps every bar once, the first-seen values, and survives cut writes."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.domain import Bar
from signal_server.core.errors import MarketDataError, UnknownSymbolError
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore
from tests.real_data import market_file

START = datetime(2025, 1, 31, 23, 50, tzinfo=UTC)


def bar(minute: int, close: float = 10.0, symbol: str = "BTC-USD", **values: float) -> Bar:
    """Return the bar that closes so many minutes after the start; a month ends in between."""
    at = START + timedelta(minutes=minute)
    return Bar(symbol, at, 10.0, max(10.0, close), min(10.0, close), close, 1.0, **values)


@pytest.fixture
def store(tmp_path: Path) -> BarStore:
    return BarStore(tmp_path, 60)


def closes(store: BarStore) -> list[float]:
    return store.read("BTC-USD")["close"].tolist()


@settings(max_examples=25, deadline=None)
@given(batches=st.lists(st.sets(st.integers(0, 40), min_size=1), min_size=1, max_size=5))
def test_whatever_the_batches_every_bar_is_there_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[set[int]]
) -> None:
    store = BarStore(tmp_path_factory.mktemp("bars"), 60)
    new = sum(store.write("BTC-USD", frame_of(map(bar, sorted(batch)))) for batch in batches)
    minutes = sorted(set().union(*batches))
    found = store.read("BTC-USD")
    assert new == len(minutes) == len(found)
    assert list(found.index) == [pd.Timestamp(START + timedelta(minutes=m)) for m in minutes]


def test_a_month_has_a_file_of_its_own_that_anyone_can_read(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(0), bar(20)]))
    files = sorted(path.name for path in (store.folder / "BTC-USD").glob("*.parquet"))
    assert files == ["2025-01.parquet", "2025-02.parquet"]
    assert len(pd.read_parquet(store.folder / "BTC-USD" / "2025-01.parquet")) == 1


def test_the_period_begins_after_its_start_and_ends_with_its_end(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(m) for m in range(30)]))
    found = store.read("BTC-USD", START + timedelta(minutes=3), START + timedelta(minutes=15))
    assert len(found) == 12
    assert found.index[-1] == pd.Timestamp(START + timedelta(minutes=15))


def test_the_first_seen_value_stays_and_the_later_one_is_kept_beside_it(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(0, 10.0), bar(1, 11.0)]))
    assert store.write("BTC-USD", frame_of([bar(0, 10.0), bar(1, 12.0)])) == 0
    assert closes(store) == [10.0, 11.0]
    assert store.revisions("BTC-USD")["close"].tolist() == [12.0]


def test_a_trade_count_that_was_missing_is_filled_in_and_is_no_revision(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(0)]))
    store.write("BTC-USD", frame_of([bar(0, transactions=7.0)]))
    assert store.read("BTC-USD")["transactions"].tolist() == [7.0]
    assert store.revisions("BTC-USD").empty


def test_a_live_bar_is_read_at_once_and_after_it_moved_into_parquet(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(0)]))
    store.append(bar(1, 11.5))
    assert closes(store) == [10.0, 11.5]
    assert store.last_close("BTC-USD") == START + timedelta(minutes=1)
    store.compact("BTC-USD")
    assert closes(store) == [10.0, 11.5]
    assert not list((store.folder / "BTC-USD").glob("*.csv"))


def test_live_bars_can_be_made_durable_at_any_time(store: BarStore) -> None:
    store.settle("BTC-USD")
    store.append(bar(0))
    store.settle("BTC-USD")
    store.compact("BTC-USD")
    store.settle("BTC-USD")
    assert closes(store) == [10.0]


def test_bars_appended_while_others_move_are_all_there(store: BarStore) -> None:
    moves = 0
    with ThreadPoolExecutor(1) as pool:
        for minute in range(200):
            store.append(bar(minute))
            if minute % 20 == 0:
                moving = pool.submit(store.compact, "BTC-USD")
                moves += 1
            assert len(store.read("BTC-USD")) == minute + 1
        moving.result()
    assert moves == 10
    assert len(store.read("BTC-USD")) == 200


def test_a_move_that_a_kill_cut_off_is_read_and_goes_on(store: BarStore) -> None:
    store.append(bar(0))
    live = store.folder / "BTC-USD" / "live.csv"
    live.rename(live.with_name("moving.csv"))
    store.append(bar(1, 12.0))
    assert closes(store) == [10.0, 12.0]
    store.compact("BTC-USD")
    assert closes(store) == [10.0, 12.0]
    store.compact("BTC-USD")
    assert closes(store) == [10.0, 12.0]
    assert not list((store.folder / "BTC-USD").glob("*.csv"))


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_kill_cut_off_is_passed_over(store: BarStore, cut: int) -> None:
    store.append(bar(0))
    store.append(bar(1))
    path = store.folder / "BTC-USD" / "live.csv"
    path.write_bytes(path.read_bytes()[:-cut])
    store.append(bar(2, 12.0))
    found = store.read("BTC-USD")
    assert found["close"].iloc[-1] == 12.0
    assert len(found) in {2, 3}


def test_the_digits_of_a_tiny_price_survive(store: BarStore) -> None:
    tiny = Bar("PEPE-USD", START, 1.2345678901e-6, 1.3e-6, 1.1e-6, 1.2345678912e-6, 1e12)
    store.append(tiny)
    store.compact("PEPE-USD")
    assert store.read("PEPE-USD")["close"].iloc[0] == tiny.close


def test_a_damaged_file_is_named(store: BarStore) -> None:
    store.write("BTC-USD", frame_of([bar(0)]))
    path = store.folder / "BTC-USD" / "2025-01.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(MarketDataError, match=r"2025-01\.parquet is damaged"):
        store.read("BTC-USD")


@pytest.mark.parametrize("close", [float("nan"), -1.0, 0.0, float("inf")])
def test_an_impossible_bar_is_refused_and_nothing_is_stored(store: BarStore, close: float) -> None:
    broken = Bar("BTC-USD", START, 10.0, 10.0, 10.0, close, 1.0)
    with pytest.raises(MarketDataError, match="no valid bars"):
        store.write("BTC-USD", frame_of([broken]))
    assert store.read("BTC-USD").empty


def test_a_symbol_cannot_lead_out_of_the_store(store: BarStore) -> None:
    with pytest.raises(UnknownSymbolError):
        store.read("../../etc")


def test_folders_of_others_are_passed_over(store: BarStore) -> None:
    for name in ("lost+found", ".cache", "old bars", "BTC-USD"):
        (store.folder / name).mkdir(parents=True)
    assert store.symbols() == ("BTC-USD",)


def test_a_store_without_bars_answers_so(store: BarStore) -> None:
    assert store.symbols() == ()
    assert store.span("BTC-USD") is None
    assert store.last_close("BTC-USD") is None
    assert store.read("BTC-USD").empty


def test_real_bars_come_back_as_they_went_in(store: BarStore) -> None:
    source = pd.read_parquet(market_file("SUIUSDT.parquet")).tail(5_000)
    index = pd.to_datetime(source["timestamp"], utc=True) + pd.Timedelta(minutes=1)
    frame = source.set_index(pd.DatetimeIndex(index, name="close_time"))
    frame = frame.assign(vwap=np.nan, transactions=np.nan)
    store.write("SUI-USD", frame)
    found = store.read("SUI-USD")
    for column in ("open", "high", "low", "close", "volume"):
        np.testing.assert_array_equal(found[column], frame[column])
