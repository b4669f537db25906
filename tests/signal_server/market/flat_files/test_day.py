"""A flat file is read whole or not at all, and only the tickers that are wanted."""

import gzip
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.errors import FlatFileError
from signal_server.market.flat_files.day import DayBars, day_interval, frame_of_rows, read_day
from tests.signal_server.market.flat_files.files import (
    DAY,
    HEADER,
    lines_of,
    midnight_ns,
    packed,
    rows_of,
    write_day,
)

PRICES = st.floats(1e-9, 1e9, allow_nan=False)


def frames_of(day: DayBars) -> dict[str, pd.DataFrame]:
    return {symbol: frame_of_rows([rows]) for symbol, rows in day.rows.items()}


def test_bars_are_stamped_with_their_close_and_have_no_vwap(tmp_path: Path) -> None:
    path = write_day(tmp_path, DAY, {"BTC-USD": rows_of(DAY)})
    frame = frames_of(read_day(path, DAY))["BTC-USD"]
    assert frame.index.tolist() == list(pd.date_range("2025-01-01T00:01Z", periods=3, freq="min"))
    assert frame.index.name == "close_time"
    assert frame.index.unit == "us"
    wanted = [10, 12, 9, 11, 1.5, np.nan, 7]
    np.testing.assert_array_equal(frame.iloc[0].to_numpy(), wanted)


def test_only_the_symbols_that_are_wanted_are_kept(tmp_path: Path) -> None:
    names = ("AAVE-USD", "BTC-USD", "BTC-EUR", "ETH-USD")
    path = write_day(tmp_path, DAY, {name: rows_of(DAY) for name in names})
    found = read_day(path, DAY, ("ETH-USD", "BTC-USD", "NOT-USD"))
    assert set(found.rows) == {"BTC-USD", "ETH-USD"}
    assert len(found) == 6


def test_without_a_choice_every_symbol_is_kept_and_what_is_none_is_not(tmp_path: Path) -> None:
    path = write_day(tmp_path, DAY, {"BTC-USD": rows_of(DAY), "odd": rows_of(DAY)})
    assert set(read_day(path, DAY).rows) == {"BTC-USD"}


def test_a_file_that_is_not_in_order_by_ticker_is_read_the_same(tmp_path: Path) -> None:
    rows = rows_of(DAY, range(4))
    text = HEADER + "".join(
        lines_of(name, [row]) for row in rows for name in ("ETH-USD", "BTC-USD")
    )
    (tmp_path / "mixed.csv.gz").write_bytes(gzip.compress(text.encode()))
    sorted_one = write_day(tmp_path, DAY, {"ETH-USD": rows, "BTC-USD": rows})
    mixed = frames_of(read_day(tmp_path / "mixed.csv.gz", DAY))
    for symbol, frame in frames_of(read_day(sorted_one, DAY)).items():
        pd.testing.assert_frame_equal(mixed[symbol], frame)


def test_a_file_of_several_blocks_is_read_whole(tmp_path: Path) -> None:
    names = [f"C{n}-USD" for n in range(40)]
    path = write_day(tmp_path, DAY, {name: rows_of(DAY, range(1440)) for name in names})
    found = read_day(path, DAY, names[5:])
    assert {len(rows.starts) for rows in found.rows.values()} == {1440}
    assert len(found.rows) == 35


@given(st.lists(st.tuples(*[PRICES] * 5), min_size=1, max_size=20))
def test_not_a_digit_is_lost(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[float, ...]]
) -> None:
    start = midnight_ns(DAY)
    given_rows = [(start + n * 60_000_000_000, *row, 3.0) for n, row in enumerate(rows)]
    path = write_day(tmp_path_factory.mktemp("day"), DAY, {"BTC-USD": given_rows})
    frame = frames_of(read_day(path, DAY))["BTC-USD"]
    assert frame[["open", "high", "low", "close", "volume"]].to_numpy().tolist() == [
        list(r) for r in rows
    ]


def test_an_empty_value_is_no_number_and_does_not_cost_the_file(tmp_path: Path) -> None:
    start = midnight_ns(DAY)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(f"{HEADER}X:BTC-USD,1,2,3,4,1,{start},\n".encode()))
    assert np.isnan(read_day(path, DAY).rows["BTC-USD"].columns["transactions"]).all()


def damaged_files() -> dict[str, bytes]:
    whole = packed({"BTC-USD": rows_of(DAY, range(1000))})
    start = midnight_ns(DAY)
    texts = {
        "another form": "a,b\n1,2\n",
        "no header": lines_of("BTC-USD", rows_of(DAY)),
        "a short line": f"{HEADER}X:BTC-USD,1,2,3\n",
        "a word for a number": f"{HEADER}X:BTC-USD,1,2,3,4,much,{start},7\n",
        "no start": f"{HEADER}X:BTC-USD,1,2,3,4,1,,7\n",
    }
    return {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "without its end": whole[:-4],
        "a wrong checksum": whole[:-8] + b"\0\0\0\0" + whole[-4:],
        "a bit turned": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        "an error page": b"<Error><Code>AccessDenied</Code></Error>",
        **{name: gzip.compress(text.encode()) for name, text in texts.items()},
    }


@pytest.mark.parametrize("what", damaged_files())
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, what: str) -> None:
    path = tmp_path / "2025-01-01.csv.gz"
    path.write_bytes(damaged_files()[what])
    with pytest.raises(
        FlatFileError, match=r"2025-01-01\.csv\.gz is no whole flat file"
    ) as refused:
        read_day(path, DAY)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlatFileError):
        read_day(tmp_path / "nothing.csv.gz", DAY)


def test_a_day_is_from_midnight_to_midnight() -> None:
    start, end = day_interval(date(2024, 2, 29))
    assert end - start == timedelta(days=1)
    assert end.isoformat() == "2024-03-01T00:00:00+00:00"
