"""An export holds exactly the bars asked for, whole or not at all."""

import gzip
from io import BytesIO
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from signal_server.core.domain import BAR_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import frame_of
from signal_server.market.store import BarStore
from tests.signal_server.market.storage.bars import SYMBOL, after, bar, frame


@pytest.fixture
def filled(store: BarStore) -> BarStore:
    """Return a store of two symbols, one with live bars."""
    bars = [bar(m, 10.0 + m / 7, vwap=10.0, transactions=float(m)) for m in range(30)]
    store.write(SYMBOL, frame_of(bars))
    store.write("PEPE-USD", frame(range(5, 40), 1.2345678901e-6))
    store.append(bar(30, symbol="PEPE-USD"))
    store.append(bar(40, symbol="PEPE-USD"))
    return store


def read_back(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        found = pd.read_parquet(path)
    else:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        found = pd.read_csv(BytesIO(text), parse_dates=["close_time"])
    found["close_time"] = found["close_time"].dt.as_unit("us")
    return found.set_index("close_time")


@pytest.mark.parametrize("name", ["bars.parquet", "bars.csv", "bars.csv.gz"])
def test_every_bar_comes_back_from_the_file(filled: BarStore, tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    symbols = (SYMBOL, "PEPE-USD")
    assert filled.export(symbols, None, None, path) == 66
    found = read_back(path)
    for symbol in symbols:
        rows = found.loc[found["symbol"] == symbol, list(BAR_COLUMNS)].astype("float64")
        pd.testing.assert_frame_equal(rows, filled.read(symbol), check_freq=False)
    assert [entry.name for entry in path.parent.iterdir()] == [name]


def test_only_the_period_is_written(filled: BarStore, tmp_path: Path) -> None:
    heard: list[tuple[str, int]] = []
    filled.export(
        [SYMBOL], after(5), after(15), tmp_path / "a.parquet", report=lambda *one: heard.append(one)
    )
    found = read_back(tmp_path / "a.parquet")
    assert list(found.index) == list(filled.read(SYMBOL, after(5), after(15)).index)
    assert heard == [(SYMBOL, 4), (SYMBOL, 6)]


@pytest.mark.parametrize(
    ("name", "symbol", "message"),
    [("bars.xlsx", SYMBOL, "must end in"), ("bars.csv", "ETH-USD", "no bars to export")],
)
def test_what_cannot_be_written_leaves_the_old_file(
    filled: BarStore, tmp_path: Path, name: str, symbol: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text("old", encoding="utf-8")
    with pytest.raises(MarketDataError, match=message):
        filled.export([symbol], None, None, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert not list(tmp_path.glob(".*partial"))


def test_damage_met_on_the_way_leaves_no_file(filled: BarStore, tmp_path: Path) -> None:
    (filled.folder / SYMBOL / "2025-02.parquet").write_bytes(b"PAR1")
    with pytest.raises(MarketDataError, match=r"2025-02\.parquet is damaged"):
        filled.export([SYMBOL], None, None, tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()


def test_pandas_polars_and_duckdb_read_the_store_as_it_is(filled: BarStore) -> None:
    filled.write(SYMBOL, frame(range(3), 11.0))
    filled.quarantine(SYMBOL, frame(range(2)).assign(reason="spike", source="rest"))
    bars = filled.read(SYMBOL)
    pattern = f"{filled.folder}/{SYMBOL}/2025-*.parquet"
    by_pandas = pd.concat(pd.read_parquet(path) for path in sorted(Path("/").glob(pattern[1:])))
    pd.testing.assert_frame_equal(by_pandas, bars, check_freq=False)
    by_polars = pl.read_parquet(pattern)
    assert by_polars.columns == ["close_time", *BAR_COLUMNS]
    assert by_polars["close_time"].to_list() == list(bars.index.to_pydatetime())
    assert by_polars["close"].to_list() == bars["close"].tolist()
    query = f"SELECT count(*), avg(close), count(vwap) FROM read_parquet('{pattern}')"  # noqa: S608
    assert duckdb.sql(query).fetchall() == [(30, pytest.approx(bars["close"].mean()), 30)]
    everything = f"SELECT count(*) FROM read_parquet('{filled.folder}/*/*.parquet')"  # noqa: S608
    assert duckdb.sql(everything).fetchall() == [(65,)]
