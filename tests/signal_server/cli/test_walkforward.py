"""`walk-forward` reads the store, walks, prints a table and keeps its forecasts."""

import numpy as np
import pandas as pd
import pytest

from signal_server.cli.main import run
from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.store import BarStore
from signal_server.training.tries import count_runs


def _bars(count: int) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, count)))
    opened = np.append(100.0, close[:-1])
    index = pd.date_range("2024-01-01", periods=count, freq="60s", tz="UTC", name="close_time")
    values = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.0001,
        "low": np.minimum(opened, close) * 0.9999,
        "close": close,
        "volume": rng.lognormal(1, 0.5, count),
        "vwap": np.nan,
        "transactions": np.nan,
    }
    return pd.DataFrame(values, index=index, columns=list(BAR_COLUMNS), dtype="float64")


@pytest.fixture
def stored(config, tmp_path):
    """The arguments of a command over three days of bars."""
    BarStore(tmp_path / "data/bars", 60).write("BTC-USD", _bars(4 * 1440))
    return ["--config", str(config), "walk-forward", "--profile", "trend-10m", "--window", "2d"]


def test_a_walk_prints_its_table_and_keeps_its_forecasts(stored, tmp_path, capsys):
    assert run([*stored, "--every", "12h"]) == 0
    printed = capsys.readouterr().out
    assert "trained every 12 h on 2 d" in printed
    assert "majority class" in printed
    assert "PIVOT: " in printed or "OPTIMISE AND RETRY: " in printed
    assert len(list((tmp_path / "data/walkforward").glob("trend-10m/*/forecasts.parquet"))) == 1
    pages = (tmp_path / "data/reports").glob("walk-forward-trend-10m-*/index.html")
    assert len(list(pages)) == 1


def test_a_walk_from_a_date_reads_its_window_before_it(stored, capsys):
    assert run([*stored, "--start", "2024-01-04", "--embargo", "0s"]) == 0
    assert "2024-01-04 to 2024-01-04" in capsys.readouterr().out


def test_a_start_that_is_not_before_the_end_is_refused(stored, capsys):
    assert run([*stored, "--start", "2024-01-04", "--end", "2024-01-03"]) == 1
    assert "--start 2024-01-04 00:00 is not before --end" in capsys.readouterr().err


def test_a_window_longer_than_the_history_says_how_long_that_is(stored, capsys):
    assert run([*stored, "--window", "900d"]) == 1
    assert "after the last row with a known outcome" in capsys.readouterr().err


def test_a_window_that_is_not_full_is_told(stored, capsys):
    assert run([*stored, "--window", "90d", "--start", "2024-01-04"]) == 0
    assert "the first on 2.39 d, all there is" in capsys.readouterr().out


def test_another_window_counts_as_another_try(stored, tmp_path):
    for window in ("2d", "60h", "2d"):
        assert run([*stored, "--window", window, "--every", "2d"]) == 0
    assert count_runs(tmp_path / "data/tuning", "trend-10m") == 2


def test_a_bad_duration_is_refused_with_how_to_write_one(stored, capsys):
    assert run([*stored, "--every", "daily"]) != 0
    assert "write 90s, 15m, 12h or 180d" in capsys.readouterr().err


def test_an_empty_store_says_how_to_fill_it(config, capsys):
    assert run(["--config", str(config), "walk-forward"]) == 1
    assert "signal-server backfill" in capsys.readouterr().err
