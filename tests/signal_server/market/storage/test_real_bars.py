"""Whole real files come back bar for bar, in at most 20 bytes a bar where every minute has one."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.frames import bar_frame
from signal_server.market.store import BarStore
from tests.real_data import market_file

GAPPY = "BTCUSDC_kraken_1m_2023Q1"
"""Its minutes without trades break the even steps of time, and its volumes have eight decimals."""


def real_frame(name: str) -> pd.DataFrame:
    source = pd.read_parquet(market_file(f"{name}.parquet"))
    columns = {column: source[column] for column in BAR_COLUMNS if column in source}
    return bar_frame(pd.DatetimeIndex(source["timestamp"]) + pd.Timedelta(minutes=1), columns)


@pytest.mark.parametrize(
    "name",
    ["BTCUSDT", "PEPEUSDT", "FILUSDT-perp", GAPPY],
)
def test_a_whole_file_comes_back_bar_for_bar(tmp_path: Path, name: str) -> None:
    bars = real_frame(name)
    with BarStore(tmp_path, 60) as store:
        assert store.write("COIN-USD", bars) == len(bars)
        pd.testing.assert_frame_equal(store.read("COIN-USD"), bars, check_freq=False)
        assert store.write("COIN-USD", bars) == 0
        assert store.revisions("COIN-USD").empty
        assert store.verify("COIN-USD") == []
        size = store.size("COIN-USD") / len(bars)
    assert size <= (23 if name == GAPPY else 20)


def test_any_part_of_a_real_file_is_read_exactly(tmp_path: Path) -> None:
    bars = real_frame(GAPPY)
    store = BarStore(tmp_path, 60)
    store.write("COIN-USD", bars)
    random = np.random.default_rng(1)
    for _ in range(30):
        first, last = np.sort(random.integers(0, len(bars), 2))
        start, end = bars.index[first], bars.index[last]
        found = store.read("COIN-USD", start.to_pydatetime(), end.to_pydatetime())
        pd.testing.assert_frame_equal(found, bars.iloc[first + 1 : last + 1], check_freq=False)
