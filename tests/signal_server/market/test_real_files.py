"""Real files, from the file through the import into the store and back: not a digit is lost."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.market.imports import read_import
from signal_server.market.store import BarStore
from tests.real_data import market_file

BARS = 4_000
COLUMNS = ("open", "high", "low", "close", "volume", "transactions")


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT.parquet", "BTC-USD"),
        ("BTCUSDC_kraken_1m_2023Q1.parquet", "BTC-USD"),
        ("PEPEUSDT.parquet", "PEPE-USD"),
        ("FILUSDT-perp.parquet", "FIL-USD"),
    ],
)
def test_a_real_file_comes_back_as_it_was(tmp_path: Path, name: str, symbol: str) -> None:
    source = pd.read_parquet(market_file(name)).tail(BARS)
    source.to_parquet(tmp_path / name)
    (imported,) = read_import(tmp_path / name, 60).frames.items()
    store = BarStore(tmp_path / "bars", 60)
    assert store.write(*imported) == len(source)
    found = store.read(symbol)
    assert (found.index - pd.Timedelta(minutes=1) == pd.DatetimeIndex(source["timestamp"])).all()
    for column in COLUMNS:
        wanted = source.get(column, pd.Series(np.nan, index=source.index))
        np.testing.assert_array_equal(found[column].to_numpy(), wanted.to_numpy(dtype="float64"))
