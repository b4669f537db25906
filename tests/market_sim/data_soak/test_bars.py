"""Stretches of bars for a hundred coins, out of a few files."""

import asyncio
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from market_sim.clock import FastClock, sleep_until, utc_now
from market_sim.data_soak.bars import soak_tables
from market_sim.histories import minutes_of
from market_sim.trials.prices import coins
from tests.market_sim.test_histories import minutes, write
from tests.real_data import market_file

SYMBOLS = coins(5)


def test_each_coin_has_a_stretch_of_a_file(tmp_path: Path) -> None:
    file = write(tmp_path, minutes(300))
    whole = minutes_of(file).close
    tables = soak_tables([file], SYMBOLS, 100, seed=1)
    assert tuple(tables) == SYMBOLS
    for table in tables.values():
        [first] = np.flatnonzero(whole == table.close[0])[:1]
        assert np.array_equal(table.close, whole[first : first + 100])


def test_the_same_seed_cuts_the_same_stretches(tmp_path: Path) -> None:
    file = write(tmp_path, minutes(300))
    one, two = (soak_tables([file], SYMBOLS, 50, seed=4) for _ in range(2))
    assert all(np.array_equal(one[symbol].close, two[symbol].close) for symbol in SYMBOLS)


def test_without_files_there_are_seeded_bars() -> None:
    assert {len(table) for table in soak_tables((), SYMBOLS, 40, seed=1).values()} == {40}


def test_a_file_without_a_fit_stretch_is_refused(tmp_path: Path) -> None:
    frame = minutes(300)
    prices = ["open", "high", "low", "close"]
    frame.loc[::2, prices] = frame.loc[::2, prices] * 3
    with pytest.raises(ValueError, match="no stretch"):
        soak_tables([write(tmp_path, frame)], SYMBOLS, 100, seed=1)


def test_minutes_without_trades_stay_so_in_a_gappy_file() -> None:
    table = soak_tables([market_file("BTCUSDC_kraken_1m_2023Q1.parquet")], SYMBOLS, 600, seed=1)
    quiet = [np.isnan(one.close).mean() for one in table.values()]
    assert all(0 < share < 0.9 for share in quiet)


async def test_an_hour_of_a_fast_clock_is_soon_over() -> None:
    clock = FastClock(utc_now(), utc_now(), speed=100_000.0)
    hence = clock() + timedelta(hours=1)
    async with asyncio.timeout(60):
        await sleep_until(hence, clock)
    assert clock() >= hence
