"""Where a simulated market's bars come from: real files, or a seeded model of a market."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from market_sim.market import BarTable, Column

LIVE_BARS = 1_800
"""Bars kept for the live part of a run: half an hour of one-second bars."""

_START_PRICES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
_NEEDED = ("timestamp", "open", "high", "low", "close", "volume")
_MOMENTUM = 0.08
_BAR_VOLATILITY = 0.0012
_REGIME_BARS = 600


class HistoryError(Exception):
    """Bars could not be read or made; the text is one sentence that says what to do."""


def replayed_histories(files: Sequence[Path], bars: int) -> dict[str, BarTable]:
    """Return the newest `bars` steps common to the files, one symbol a file.

    A file is Parquet with columns timestamp (bar start), open, high, low, close, volume and
    perhaps transactions; `BTCUSDT.parquet` becomes BTC-USD. Steps are the minutes of the newest
    span that all files cover. Raises `HistoryError`.
    """
    frames = {symbol_of(path): _read(path) for path in files}
    if len(frames) != len(files):
        raise HistoryError("two data files hold the same coin; name each coin once")
    end = min(frame.index[-1] for frame in frames.values())
    steps = pd.date_range(end=end, periods=bars, freq="min")
    for path, frame in zip(files, frames.values(), strict=True):
        if frame.index[0] > steps[0]:
            raise HistoryError(f"{path} holds too few bars; {bars} are needed: choose less history")
    tables = {symbol: _table(frame.reindex(steps)) for symbol, frame in frames.items()}
    for path, table in zip(files, tables.values(), strict=True):
        if np.isnan(table.close).all():
            raise HistoryError(f"{path} has no bar in the span and on the minutes of the others")
    return tables


def minutes_of(path: Path) -> BarTable:
    """Return every minute of a file, those without a bar too. Raises `HistoryError`."""
    frame = _read(path)
    return _table(frame.reindex(pd.date_range(frame.index[0], frame.index[-1], freq="min")))


def symbol_of(path: Path) -> str:
    """Return the symbol a file is replayed as; stable coins stand in for USD."""
    name = path.stem.split("_")[0].split("-")[0].upper()
    for quote in ("USDT", "USDC", "USD"):
        if name.endswith(quote) and len(name) > len(quote):
            return f"{name.removesuffix(quote)}-USD"
    raise HistoryError(f"{path} does not name its coin; call it like BTCUSDT.parquet")


def seeded_histories(symbols: Sequence[str], seed: int, bars: int) -> dict[str, BarTable]:
    """Return a made-up market: volatility regimes and mild momentum, so that some can be learned.

    The same seed gives the same market. Raises `HistoryError` for a symbol that is none.
    """
    for symbol in symbols:
        if not re.fullmatch(r"[A-Z0-9]+-[A-Z]+", symbol):
            raise HistoryError(f"{symbol!r} is no symbol; name symbols like BTC-USD,ETH-USD")
    roots = np.random.SeedSequence(seed).spawn(len(symbols))
    return {
        symbol: _seeded(symbol, np.random.default_rng(root), bars)
        for symbol, root in zip(symbols, roots, strict=True)
    }


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise HistoryError(f"{path} cannot be read as Parquet: {_first_line(error)}") from error
    missing = [name for name in _NEEDED if name not in frame.columns]
    if missing:
        raise HistoryError(f"{path} has no column {', '.join(missing)}; it holds no bars")
    if frame.empty:
        raise HistoryError(f"{path} holds no bars")
    _check(path, frame)
    frame.index = pd.DatetimeIndex(pd.to_datetime(frame["timestamp"], utc=True))
    unique: pd.DataFrame = frame[~frame.index.duplicated()]
    return unique.sort_index()


def _check(path: Path, frame: pd.DataFrame) -> None:
    if not pd.api.types.is_datetime64_any_dtype(frame["timestamp"]):
        raise HistoryError(f"{path} has a column timestamp that holds no times; it holds no bars")
    numbers = [name for name in (*_NEEDED[1:], "transactions") if name in frame]
    for name in numbers:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise HistoryError(f"{path} has a column {name} that is not of numbers")
        if not np.isfinite(frame[name].to_numpy("float64")).all():
            raise HistoryError(f"{path} has bars without {name}; leave such bars out")
    prices = frame[["open", "high", "low", "close"]]
    whole = (prices.max(axis=1) == frame["high"]) & (prices.min(axis=1) == frame["low"])
    wrong = ~(whole & (frame["low"] > 0) & (frame["volume"] >= 0))
    if wrong.any():
        when = frame["timestamp"][wrong].iloc[0]
        raise HistoryError(f"{path} has an impossible bar at {when}; leave such bars out")


def _table(frame: pd.DataFrame) -> BarTable:
    columns = {name: frame[name].to_numpy("float64", copy=True) for name in _NEEDED[1:]}
    if "transactions" in frame:
        return BarTable(
            **columns, transactions=frame["transactions"].to_numpy("float64", copy=True)
        )
    # The source has no trade counts; a bar that exists had at least one trade.
    counts = np.where(np.isnan(columns["close"]), np.nan, 1.0)
    return BarTable(**columns, transactions=counts)


def _seeded(symbol: str, random: np.random.Generator, bars: int) -> BarTable:
    returns = _returns(random, bars)
    start = _START_PRICES.get(symbol.split("-")[0], 10.0)
    close = np.round(start * np.exp(np.cumsum(returns)), 6)
    opened = np.concatenate([[start], close[:-1]])
    wick = np.abs(random.normal(0, _BAR_VOLATILITY / 2, (2, bars)))
    volume = random.lognormal(0, 0.6, bars) * (1 + np.abs(returns) / _BAR_VOLATILITY)
    return BarTable(
        open=opened,
        high=np.maximum(opened, close) * (1 + wick[0]),
        low=np.minimum(opened, close) * (1 - wick[1]),
        close=close,
        volume=np.round(volume * 60_000 / start, 8),
        transactions=random.poisson(20 * volume).astype("float64") + 1,
    )


def _returns(random: np.random.Generator, bars: int) -> Column:
    """Return log returns: noise whose size changes by regime, drawn towards its recent mean."""
    regimes = bars // _REGIME_BARS + 1
    size = np.repeat(random.uniform(0.6, 1.6, regimes), _REGIME_BARS)[:bars] * _BAR_VOLATILITY
    noise = random.normal(0, 1, bars) * size
    returns = np.empty(bars)
    recent = 0.0
    for step in range(bars):
        returns[step] = noise[step] + _MOMENTUM * recent
        recent = 0.8 * recent + returns[step]
        recent = min(max(recent, -5 * size[step]), 5 * size[step])
    return returns


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
