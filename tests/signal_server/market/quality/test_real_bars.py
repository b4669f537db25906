"""Real bars are hardly ever touched, and damage put into them is found."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.market.imports import read_import
from signal_server.market.quality import BarFault, BarFlag, check_frame
from tests.real_data import market_file

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEPT_AWAY = pd.Timestamp("2025-03-31", tz="UTC")
MOST_FLAGGED_SHARE = 3e-4
"""The FIL file holds a trading halt of 74 minutes."""

FILES = (
    "BTCUSDT",
    "TAOUSDT",
    "PEPEUSDT",
    "JUPUSDT",
    "FILUSDT-perp",
    "BTCUSDC_kraken_1m_2023Q1",
)


def real_frame(name: str) -> pd.DataFrame:
    frame = next(iter(read_import(market_file(f"{name}.parquet"), 60).frames.values()))
    return frame[frame.index <= KEPT_AWAY]


@pytest.mark.parametrize("name", FILES)
def test_nothing_real_is_refused_and_little_is_flagged(name: str) -> None:
    frame = real_frame(name)
    checked = check_frame(frame, 60, now=NOW)
    assert checked.refused.empty
    assert (checked.flags != 0).mean() < MOST_FLAGGED_SHARE


def test_the_first_minute_of_a_new_coin_is_flagged_as_a_jump() -> None:
    assert check_frame(real_frame("TAOUSDT"), 60, now=NOW).flags_at(0) == (BarFlag.JUMP,)


def test_spikes_put_into_a_wild_coin_are_found_and_they_alone() -> None:
    frame = real_frame("TAOUSDT").iloc[1:60_000]
    rng = np.random.default_rng(1)
    rows = np.sort(rng.choice(np.arange(10, 59_000, 20), 300, replace=False))
    frame.iloc[rows, :4] *= rng.choice([0.01, 0.3, 2.0, 100.0], (300, 1))
    checked = check_frame(frame, 60, now=NOW)
    assert checked.refused.index.tolist() == frame.index[rows].tolist()
    assert set(checked.refused["reason"]) == {BarFault.SPIKE}


def test_a_month_cut_in_two_is_judged_as_in_one() -> None:
    frame = real_frame("PEPEUSDT").iloc[:20_000]
    whole = check_frame(frame, 60, now=NOW)
    parts = [
        check_frame(frame[at : at + 5000], 60, now=NOW, before=frame[:at])
        for at in range(0, 20_000, 5000)
    ]
    assert np.concatenate([part.flags for part in parts]).tolist() == whole.flags.tolist()
    assert sum(len(part.good) for part in parts) == len(whole.good)
    assert frame.index[-1] - frame.index[0] > timedelta(days=13)
