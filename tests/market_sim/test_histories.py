"""Real bars are replayed as they are, or refused with a sentence that says why."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from market_sim.histories import HistoryError, replayed_histories, seeded_histories, symbol_of

REAL = Path(os.environ.get("MARKET_DATA_DIR", Path(__file__).parents[3] / "shared" / "market"))
BARS = 100

Change = Callable[[pd.DataFrame], pd.DataFrame]


def minutes(bars: int = BARS, start: str = "2024-05-01") -> pd.DataFrame:
    close = 100.0 + np.arange(bars)
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(start, periods=bars, freq="min", tz="UTC"),
            "open": close - 0.5,
            "high": close + 1,
            "low": close - 1,
            "close": close,
            "volume": 2.0,
        }
    )


def write(folder: Path, frame: pd.DataFrame, name: str = "BTCUSDT") -> Path:
    path = folder / f"{name}.parquet"
    frame.to_parquet(path)
    return path


def test_the_newest_bars_are_replayed(tmp_path: Path) -> None:
    table = replayed_histories([write(tmp_path, minutes())], 40)["BTC-USD"]
    assert len(table) == 40
    assert table.close.tolist() == minutes()["close"].tolist()[-40:]


def test_files_are_replayed_in_step_with_each_other(tmp_path: Path) -> None:
    longer = write(tmp_path, minutes(BARS + 7), "ETHUSDT")
    tables = replayed_histories([write(tmp_path, minutes()), longer], 40)
    assert tables["BTC-USD"].close.tolist() == tables["ETH-USD"].close.tolist()


def test_a_minute_without_trades_stays_one(tmp_path: Path) -> None:
    table = replayed_histories([write(tmp_path, minutes().drop(index=BARS - 3))], 5)["BTC-USD"]
    assert np.isnan(table.close).tolist() == [False, False, True, False, False]
    assert np.isnan(table.transactions).tolist() == [False, False, True, False, False]


def test_trade_counts_are_replayed_where_they_are_known(tmp_path: Path) -> None:
    frame = minutes().assign(transactions=np.arange(BARS))
    table = replayed_histories([write(tmp_path, frame)], 3)["BTC-USD"]
    assert table.transactions.tolist() == [97, 98, 99]


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT.parquet", "BTC-USD"),
        ("FILUSDT-perp.parquet", "FIL-USD"),
        ("BTCUSDC_kraken_1m_2023Q1.parquet", "BTC-USD"),
        ("ETHUSD.parquet", "ETH-USD"),
    ],
)
def test_a_file_names_its_coin(name: str, symbol: str) -> None:
    assert symbol_of(Path(name)) == symbol


BAD: list[tuple[str, Change]] = [
    ("has no column", lambda frame: frame.drop(columns="close")),
    ("holds no bars", lambda frame: frame.iloc[:0]),
    ("holds no times", lambda frame: frame.assign(timestamp="monday")),
    ("not of numbers", lambda frame: frame.assign(open="x")),
    ("without volume", lambda frame: frame.assign(volume=np.nan)),
    ("impossible bar", lambda frame: frame.assign(low=-1.0)),
    ("impossible bar", lambda frame: frame.assign(high=1.0)),
    ("too few bars", lambda frame: frame.tail(10)),
]


@pytest.mark.parametrize(("says", "change"), BAD)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, says: str, change: Change) -> None:
    path = write(tmp_path, change(minutes()))
    with pytest.raises(HistoryError, match=says) as refusal:
        replayed_histories([path], 40)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT.parquet"
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(HistoryError, match="cannot be read as Parquet"):
        replayed_histories([path], 40)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="cannot be read"):
        replayed_histories([tmp_path / "BTCUSDT.parquet"], 40)


def test_a_file_without_a_coin_in_its_name_is_refused() -> None:
    with pytest.raises(HistoryError, match="name its coin"):
        symbol_of(Path("bars.parquet"))


def test_two_files_of_one_coin_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path, minutes(), name) for name in ("BTCUSDT", "BTCUSDC")]
    with pytest.raises(HistoryError, match="same coin"):
        replayed_histories(files, 40)


def test_files_out_of_step_are_refused(tmp_path: Path) -> None:
    files = [
        write(tmp_path, minutes()),
        write(tmp_path, minutes(start="2024-05-01 00:00:30"), "ETHUSDT"),
    ]
    with pytest.raises(HistoryError, match="on the minutes of the others"):
        replayed_histories(files, 40)


@pytest.mark.parametrize("symbol", ["", "btc", "BTCUSD", "BTC-USD-X"])
def test_a_seeded_market_wants_symbols(symbol: str) -> None:
    with pytest.raises(HistoryError, match="is no symbol"):
        seeded_histories([symbol], 1, 10)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real bars in {REAL}; set MARKET_DATA_DIR")
def test_real_bars_are_replayed_to_the_digit() -> None:
    path = REAL / "PEPEUSDT.parquet"
    table = replayed_histories([path], 3_000)["PEPE-USD"]
    assert table.close.tolist() == pd.read_parquet(path)["close"].tolist()[-3_000:]
