"""Flat files as the vendor publishes them, made from rows."""

import gzip
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd

HEADER = "ticker,volume,open,close,high,low,window_start,transactions\n"
MINUTE_NS = 60_000_000_000
DAY = date(2025, 1, 1)

Row = tuple[int, float, float, float, float, float, float]
"""window_start in ns, open, high, low, close, volume, transactions."""


def midnight_ns(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000_000


def rows_of(day: date, minutes: Iterable[int] = range(3), close: float = 11.0) -> list[Row]:
    """Return a bar for each of the day's minutes."""
    start = midnight_ns(day)
    return [(start + n * MINUTE_NS, 10.0, 12.0, 9.0, close, 1.5, 7.0) for n in minutes]


def lines_of(symbol: str, rows: Iterable[Row]) -> str:
    return "".join(
        f"X:{symbol},{v!r},{o!r},{c!r},{h!r},{lo!r},{t},{n:g}\n" for t, o, h, lo, c, v, n in rows
    )


def packed(symbols: Mapping[str, Iterable[Row]]) -> bytes:
    """Return a whole flat file."""
    text = HEADER + "".join(lines_of(symbol, rows) for symbol, rows in symbols.items())
    return gzip.compress(text.encode(), mtime=0)


def write_day(folder: Path, day: date, symbols: Mapping[str, Iterable[Row]]) -> Path:
    path = folder / f"{day}.csv.gz"
    path.write_bytes(packed(symbols))
    return path


def rows_of_source(source: pd.DataFrame, day: date) -> list[Row]:
    """Return the rows of a day of a file of real bars, which are stamped with their start."""
    starts = pd.DatetimeIndex(source["timestamp"]).as_unit("ns")
    part = source[starts.floor("D") == pd.Timestamp(day, tz="UTC")]
    counts = part["transactions"] if "transactions" in part else pd.Series(0.0, index=part.index)
    columns = [part[name] for name in ("open", "high", "low", "close", "volume")]
    stamps = pd.DatetimeIndex(part["timestamp"]).as_unit("ns").asi8
    return list(zip(stamps.tolist(), *(c.tolist() for c in columns), counts.tolist(), strict=True))
