"""The vendor's flat files made of bars: one gzipped CSV file a UTC day, a minute a row."""

import gzip
import io
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import cast

import pandas as pd
import pyarrow as pa
import pyarrow.csv

from market_sim.market import SimMarket

HEADER = b"ticker,volume,open,close,high,low,window_start,transactions\n"
PUBLISHED_AFTER = timedelta(hours=16)
"""After the day's end: about 11:00 in New York."""
_NUMBERS = ("volume", "open", "close", "high", "low")


def flat_file(bars: Mapping[str, pd.DataFrame]) -> bytes:
    """Return a file of the bars by symbol; columns as in the files of real bars.

    That is `timestamp` (start, UTC), open, high, low, close, volume and perhaps `transactions`.
    """
    text = io.BytesIO(HEADER)
    text.seek(0, io.SEEK_END)
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    for symbol in sorted(bars):
        pa.csv.write_csv(_table(symbol, bars[symbol]), text, options)
    return gzip.compress(text.getvalue(), 6, mtime=0)


def days_of(bars: Mapping[str, pd.DataFrame]) -> dict[date, dict[str, pd.DataFrame]]:
    """Return the bars by UTC day and symbol."""
    days: dict[date, dict[str, pd.DataFrame]] = {}
    for symbol, frame in bars.items():
        dates = pd.DatetimeIndex(frame["timestamp"]).date
        for day, part in frame.groupby(pd.Series(dates, index=frame.index)):
            days.setdefault(cast("date", day), {})[symbol] = part
    return dict(sorted(days.items()))


def published_days(market: SimMarket, now: datetime) -> dict[date, dict[str, pd.DataFrame]]:
    """Return the bars of the market's days whose files are out at `now`."""
    midnight = datetime.combine((now - PUBLISHED_AFTER).date(), datetime.min.time(), UTC)
    return days_of({symbol: _frame(market, symbol, midnight) for symbol in market.symbols})


def _frame(market: SimMarket, symbol: str, end: datetime) -> pd.DataFrame:
    bars = market.bars(symbol, market.start_of(0), end)
    names = ("open", "high", "low", "close", "volume", "transactions")
    columns = {name: [float(getattr(bar, name)) for bar in bars] for name in names}
    starts = pd.to_datetime([bar.start for bar in bars], utc=True)
    return pd.DataFrame({"timestamp": starts, **columns})


def _table(symbol: str, frame: pd.DataFrame) -> pa.Table:
    starts = pd.DatetimeIndex(frame["timestamp"]).as_unit("ns").asi8
    counts = frame.get("transactions", pd.Series(1.0, index=frame.index))
    return pa.table(
        {
            "ticker": pa.array([f"X:{symbol}"] * len(frame), pa.string()),
            **{name: frame[name].to_numpy("float64") for name in _NUMBERS},
            "window_start": starts,
            "transactions": counts.to_numpy("float64").astype("int64"),
        }
    )
