"""Files of bars are recognised by content, read whole, or refused whole."""

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from signal_server.core.errors import ImportFileError
from signal_server.market.imports import read_import, symbol_of_file
from tests.real_data import market_file

MINUTE_NS = 60_000_000_000
START_NS = 1_735_689_600_000_000_000
FLAT_HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"


def flat_rows(ticker: str, minutes: int = 3) -> str:
    """Return lines of a flat file."""
    return "".join(
        f"{ticker},1.5,10,11,12,9,{START_NS + n * MINUTE_NS},7\n" for n in range(minutes)
    )


def ohlcvt(minutes: int = 3, step: int = 60) -> str:
    """Return lines of a Kraken archive's file."""
    return "".join(f"{1_735_689_600 + n * step},10,12,9,11,1.5,7\n" for n in range(minutes))


def parquet(path: Path, **changes: object) -> Path:
    """Write three bars as the market folder has them."""
    frame = pd.DataFrame(
        {
            "timestamp": pd.date_range("2025-01-01", periods=3, freq="min", tz="UTC"),
            "open": 10.0,
            "high": 12.0,
            "low": 9.0,
            "close": 11.0,
            "volume": 1.5,
        }
    )
    frame.assign(**changes).to_parquet(path)
    return path


def check_bars(frame: pd.DataFrame) -> None:
    """The three bars of all formats are the same."""
    assert frame.index[0] == pd.Timestamp("2025-01-01T00:01Z")
    assert len(frame) == 3
    values = frame.iloc[0][["open", "high", "low", "close", "volume"]].tolist()
    assert values == [10, 12, 9, 11, 1.5]


def test_parquet_is_read_under_the_symbol_of_its_name(tmp_path: Path) -> None:
    found = read_import(parquet(tmp_path / "BTCUSDT.parquet"), 60)
    assert set(found.frames) == {"BTC-USD"}
    check_bars(found.frames["BTC-USD"])


def test_the_symbol_can_be_given(tmp_path: Path) -> None:
    found = read_import(parquet(tmp_path / "bars.parquet"), 60, "SOL-USD")
    check_bars(found.frames["SOL-USD"])


def test_a_flat_file_holds_many_symbols_of_which_one_can_be_chosen(tmp_path: Path) -> None:
    path = tmp_path / "2025-01-01.csv.gz"
    text = FLAT_HEADER + flat_rows("X:BTC-USD") + flat_rows("X:ETH-USD") + flat_rows("X:odd")
    path.write_bytes(gzip.compress(text.encode()))
    found = read_import(path, 60)
    assert set(found.frames) == {"BTC-USD", "ETH-USD"}
    check_bars(found.frames["ETH-USD"])
    assert found.frames["BTC-USD"]["transactions"].tolist() == [7, 7, 7]
    assert set(read_import(path, 60, "ETH-USD").frames) == {"ETH-USD"}


def test_a_kraken_archive_gives_its_minute_files_in_dollars(tmp_path: Path) -> None:
    path = tmp_path / "Kraken_OHLCVT.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("XBTUSD_1.csv", ohlcvt())
        archive.writestr("XBTUSD_60.csv", ohlcvt(step=3600))
        archive.writestr("ETHEUR_1.csv", ohlcvt())
    found = read_import(path, 60)
    assert set(found.frames) == {"BTC-USD"}
    check_bars(found.frames["BTC-USD"])


@pytest.mark.parametrize("first", ["XBTUSD_1.csv", "XBTUSDC_1.csv", "XBTUSDT_1.csv"])
def test_real_dollars_go_before_dollar_coins_in_a_kraken_archive(
    tmp_path: Path, first: str
) -> None:
    path = tmp_path / "Kraken_OHLCVT.zip"
    names = dict.fromkeys([first, "XBTUSDT_1.csv", "XBTUSD_1.csv", "XBTUSDC_1.csv"])
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, ohlcvt(minutes=3 if name == "XBTUSD_1.csv" else 5))
    check_bars(read_import(path, 60).frames["BTC-USD"])


def test_a_kraken_file_is_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "XDGUSD_1.csv"
    path.write_text(ohlcvt())
    check_bars(read_import(path, 60).frames["DOGE-USD"])


def test_rows_that_are_no_bars_are_left_out_and_counted(tmp_path: Path) -> None:
    path = parquet(tmp_path / "BTCUSDT.parquet", close=[11.0, -1.0, 11.0])
    found = read_import(path, 60)
    assert found.refused_bars == 1
    assert len(found.frames["BTC-USD"]) == 2


def spoiled_files(folder: Path) -> dict[str, Path]:
    """Return files that cannot be imported, by what is wrong."""
    whole = parquet(folder / "BTCUSDT.parquet").read_bytes()
    packed = gzip.compress((FLAT_HEADER + flat_rows("X:BTC-USD", 200)).encode())
    contents = {
        "empty": b"",
        "cut Parquet": whole[: len(whole) // 2],
        "cut gzip": packed[: len(packed) // 2],
        "foreign gzip": gzip.compress(b"a,b\n1,2\n"),
        "text": b"hello\nworld\n",
        "binary": bytes(range(256)),
        "cut zip": b"PK\x03\x04" + b"\0" * 50,
        "five-minute bars": ohlcvt(step=300).encode(),
    }
    paths = {}
    for name, content in contents.items():
        paths[name] = folder / f"BTCUSD {name}.bin"
        paths[name].write_bytes(content)
    paths["no zip member"] = folder / "BTCUSD_none.zip"
    with zipfile.ZipFile(paths["no zip member"], "w") as archive:
        archive.writestr("readme.txt", "nothing")
    paths["other columns"] = folder / "BTCUSD_other.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(paths["other columns"])
    paths["no valid bar"] = parquet(folder / "BTCUSD_invalid.parquet", close=-1.0)
    paths["a folder"] = folder
    paths["not there"] = folder / "nowhere.parquet"
    return paths


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    for what, path in spoiled_files(tmp_path).items():
        with pytest.raises(ImportFileError) as refused:
            read_import(path, 60, "BTC-USD")
        assert str(path) in str(refused.value), what
        assert "\n" not in str(refused.value), what


def test_a_name_that_tells_no_symbol_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="--symbol"):
        read_import(parquet(tmp_path / "bars.parquet"), 60)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("BTCUSDT.parquet", "BTC-USD"),
        ("FILUSDT-perp.parquet", "FIL-USD"),
        ("BTCUSDC_kraken_1m_2023Q1.parquet", "BTC-USD"),
        ("XBTUSD_1.csv", "BTC-USD"),
        ("ETHEUR_1.csv", "ETH-EUR"),
    ],
)
def test_the_symbol_is_read_from_the_name(name: str, symbol: str) -> None:
    assert symbol_of_file(Path(name)) == symbol


def test_a_real_file_with_gaps_and_trade_counts_is_read_whole() -> None:
    path = market_file("BTCUSDC_kraken_1m_2023Q1.parquet")
    source = pd.read_parquet(path)
    found = read_import(path, 60)
    frame = found.frames["BTC-USD"]
    assert len(frame) + found.refused_bars == len(source)
    assert found.refused_bars == 0
    assert frame["transactions"].tolist() == source["transactions"].tolist()
    assert (frame.index - pd.Timedelta(minutes=1) == pd.DatetimeIndex(source["timestamp"])).all()
