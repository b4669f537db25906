"""Whatever bytes a file holds, reading it ends in bars or in one sentence that names the file."""

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.errors import ImportFileError, MarketDataError
from signal_server.market.imports import read_import
from signal_server.market.store import BarStore

START_S = 1_735_689_600
BARS = 40
OHLCVT = "".join(f"{START_S + 60 * n},10,12,9,11,1.5,7\n" for n in range(BARS))
FLAT = "ticker,volume,open,close,high,low,window_start,transactions\n" + "".join(
    f"X:BTC-USD,1.5,10,11,12,9,{(START_S + 60 * n) * 10**9},7\n" for n in range(BARS)
)
DAMAGE = st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8)


def frame() -> pd.DataFrame:
    """Return bars as the market folder has them."""
    starts = pd.date_range("2025-01-01", periods=BARS, freq="min", tz="UTC")
    columns = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 1.5}
    return pd.DataFrame({"timestamp": starts, **columns})


def flat_file(path: Path) -> None:
    path.write_bytes(gzip.compress(FLAT.encode(), mtime=0))


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("XBTUSD_1.csv", OHLCVT)


FORMATS: dict[str, Callable[[Path], object]] = {
    "XBTUSD_1.csv": lambda path: path.write_text(OHLCVT, encoding="utf-8"),
    "2025-01-01.csv.gz": flat_file,
    "Kraken_OHLCVT.zip": archive,
    "BTCUSDT.parquet": lambda path: frame().to_parquet(path),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.parametrize("name", FORMATS)
@given(damage=DAMAGE, kept=st.floats(0, 1))
def test_a_damaged_file_gives_bars_or_its_name(
    folder: Path, name: str, damage: list[tuple[float, int]], kept: float
) -> None:
    path = folder / name
    FORMATS[name](path)
    content = bytearray(path.read_bytes())
    for place, value in damage:
        content[int(place * len(content))] = value
    path.write_bytes(content if kept > 0.5 else content[: int(2 * kept * len(content))])
    try:
        frames = read_import(path, 60).frames
    except ImportFileError as error:
        message = str(error)
    else:
        assert frames
        return
    assert name in message


@settings(deadline=None, max_examples=50)
@given(place=st.floats(0, 1, exclude_max=True), zeros=st.integers(1, 40))
def test_a_damaged_month_of_the_store_is_named_and_never_a_wrong_price(
    tmp_path_factory: pytest.TempPathFactory, place: float, zeros: int
) -> None:
    folder = tmp_path_factory.mktemp("store")
    frame().to_parquet(folder / "BTCUSDT.parquet")
    bars = read_import(folder / "BTCUSDT.parquet", 60).frames["BTC-USD"]
    store = BarStore(folder, 60)
    store.write("BTC-USD", bars)
    path = store.folder / "BTC-USD" / "2025-01.parquet"
    content = bytearray(path.read_bytes())
    first = int(place * len(content))
    content[first : first + zeros] = bytes(len(content[first : first + zeros]))
    path.write_bytes(content)
    try:
        found = store.read("BTC-USD")
    except MarketDataError as error:
        message = str(error)
    else:
        # What was hit holds no bar, such as the writer's name.
        pd.testing.assert_frame_equal(found, bars, check_freq=False)
        return
    assert "2025-01.parquet is damaged" in message


@pytest.mark.parametrize(
    "content",
    ["time,open,high,low,close,volume,trades\n" + OHLCVT, "# notes\n", "a,b\n1,2\n", "\n", "{}"],
)
def test_a_foreign_text_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "XBTUSD_1.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ImportFileError, match=r"XBTUSD_1\.csv"):
        read_import(path, 60)


@pytest.mark.parametrize("column", ["timestamp", "close"])
@pytest.mark.parametrize("value", ["text", [1, 2], None])
@pytest.mark.filterwarnings("ignore:Could not infer format")
def test_a_column_of_another_kind_is_refused(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "BTCUSDT.parquet"
    odd = frame()
    odd[column] = pd.Series([value] * BARS, dtype="object")
    odd.to_parquet(path)
    with pytest.raises(ImportFileError, match=r"BTCUSDT\.parquet"):
        read_import(path, 60)
