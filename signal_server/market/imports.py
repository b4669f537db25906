"""Import bars from files: Parquet, Polygon flat files, Kraken's OHLCVT archives.

The format is told from the content. A file is read and checked whole before anything is stored.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import is_numeric_dtype

from signal_server.core.clock import Clock, utc_now
from signal_server.core.errors import ImportFileError, UnknownSymbolError
from signal_server.core.symbols import (
    check_symbol,
    from_joined,
    in_dollars,
    quote_of,
)
from signal_server.market.flat_files.day import BAR_SECONDS, frame_of_rows, read_day
from signal_server.market.flat_files.published import day_of
from signal_server.market.frames import bar_frame, in_order
from signal_server.market.quality import check_frame

_OHLCVT = ("time", "open", "high", "low", "close", "volume", "transactions")
_VALUES = ("open", "high", "low", "close", "volume")
_DOLLARS = ("USD", "USDC", "USDT")

# What the libraries raise on damaged or foreign content: zlib and pyarrow have trees of their own.
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RuntimeError,
    zlib.error,
    zipfile.BadZipFile,
    pa.ArrowException,
)

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """The bars of a file by symbol, and the rows that are no bars, with a column `reason`."""

    format: str
    frames: Frames
    refused: Frames

    @property
    def refused_bars(self) -> int:
        """How many rows are no bars."""
        return sum(len(frame) for frame in self.refused.values())


def read_import(
    path: Path, bar_seconds: int, symbol: str | None = None, *, clock: Clock = utc_now
) -> ImportedFile:
    """Read a file of bars; `symbol` overrides what the file or its name says.

    Raises `ImportFileError` if it is corrupt, empty, of no known format or of another bar length.
    """
    name, read = _format_of(path)
    try:
        frames = read(path, bar_seconds, symbol)
    except UNREADABLE as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ImportFileError(f"{path} cannot be read as {name}: {reason}") from error
    except UnknownSymbolError as error:
        raise ImportFileError(f"{path}: {error}, or name it with --symbol") from error
    checked = {key: check_frame(part, bar_seconds, now=clock()) for key, part in frames.items()}
    kept = {key: what.good for key, what in checked.items() if len(what.good)}
    if not kept:
        raise ImportFileError(f"{path} holds no valid bar of {bar_seconds} s; nothing was stored")
    for key in kept:
        _check_length(path, key, frames[key], bar_seconds)
    refused = {key: what.refused for key, what in checked.items() if len(what.refused)}
    return ImportedFile(name, kept, refused)


def _check_length(path: Path, symbol: str, frame: pd.DataFrame, bar_seconds: int) -> None:
    """Refuse longer bars, which also lie on whole bar lengths: their closes are further apart."""
    steps_s = np.diff(pd.DatetimeIndex(frame.index).as_unit("us").asi8) // 1_000_000
    if len(steps_s) and steps_s.min() > bar_seconds and len(set(steps_s.tolist())) == 1:
        raise ImportFileError(
            f"{path}: {symbol} has bars of {steps_s.min()} s, the store's are {bar_seconds} s; "
            "import a file of that length or change bar_seconds"
        )


def _format_of(path: Path) -> tuple[str, Callable[[Path, int, str | None], Frames]]:
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise ImportFileError(f"{path} cannot be opened: {error.strerror or error}") from error
    if not head:
        raise ImportFileError(f"{path} is empty")
    if head == b"PAR1":
        return "Parquet", _read_parquet
    if head[:2] == b"\x1f\x8b":
        return "a Polygon flat file", _read_flat_file
    if head == b"PK\x03\x04":
        return "a Kraken OHLCVT archive", _read_kraken_archive
    return "a Kraken OHLCVT file", _read_kraken_file


def _read_parquet(path: Path, bar_seconds: int, symbol: str | None) -> Frames:
    frame = pq.read_table(path, partitioning=None).to_pandas()
    missing = [name for name in ("timestamp", *_VALUES) if name not in frame.columns]
    if missing:
        raise ValueError(f"it has no column {', '.join(missing)}")
    key = check_symbol(symbol) if symbol else symbol_of_file(path)
    return {key: _bars(frame, frame["timestamp"], bar_seconds)}


def _read_flat_file(path: Path, bar_seconds: int, symbol: str | None) -> Frames:
    if bar_seconds != BAR_SECONDS:
        raise ValueError(f"it holds bars of {BAR_SECONDS} s, the store's are {bar_seconds} s")
    day = day_of(path.name) or date.min
    rows = read_day(path, day, None if symbol is None else (symbol,)).rows
    return {key: in_order(frame_of_rows([part])) for key, part in rows.items()}


def _read_kraken_file(path: Path, bar_seconds: int, symbol: str | None) -> Frames:
    key = check_symbol(symbol) if symbol else symbol_of_file(path)
    return {key: _ohlcvt(path.read_bytes(), bar_seconds)}


def _read_kraken_archive(path: Path, bar_seconds: int, symbol: str | None) -> Frames:
    minutes = f"_{bar_seconds // 60}.csv"
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(minutes)]
        if not names:
            raise ValueError(f"it holds no file *{minutes}")
        # XBTUSD, XBTUSDC and XBTUSDT are all BTC-USD here: real dollars go before dollar coins.
        dollars = sorted(filter(_names_usd, names), key=_preference, reverse=True)
        found = {symbol_of_file(Path(name)): name for name in dollars}
        wanted = {key: name for key, name in found.items() if symbol in (None, key)}
        return {key: _ohlcvt(archive.read(name), bar_seconds) for key, name in wanted.items()}


def _ohlcvt(content: bytes, bar_seconds: int) -> pd.DataFrame:
    frame = pd.read_csv(io.BytesIO(content), header=None)
    if frame.shape[1] != len(_OHLCVT) or not is_numeric_dtype(frame.dtypes.iloc[0]):
        raise ValueError("its lines are not time,open,high,low,close,volume,trades")
    frame.columns = pd.Index(_OHLCVT)
    return _bars(frame, pd.to_datetime(frame["time"], unit="s", utc=True), bar_seconds)


def _bars(frame: pd.DataFrame, starts: pd.Series, bar_seconds: int) -> pd.DataFrame:
    closes = pd.to_datetime(starts, utc=True) + pd.Timedelta(seconds=bar_seconds)
    if closes.isna().any():
        raise ValueError("a row has no time")
    names = [name for name in (*_VALUES, "transactions") if name in frame.columns]
    return bar_frame(pd.Index(closes), {name: frame[name].to_numpy() for name in names})


def symbol_of_file(path: Path) -> str:
    """Return the symbol a file's name begins with: `BTCUSDT.parquet`, `XBTUSD_1.csv` → BTC-USD.

    Dollar coins stand for USD. Raises `UnknownSymbolError`.
    """
    try:
        return in_dollars(_symbol_named(path))
    except UnknownSymbolError:
        raise UnknownSymbolError(
            f"the name {path.name!r} tells no symbol; call it like BTCUSDT.parquet"
        ) from None


def _symbol_named(path: Path) -> str:
    return from_joined(re.split(r"[_.\-]", path.name.upper())[0])


def _names_usd(name: str) -> bool:
    try:
        return symbol_of_file(Path(name)).endswith("-USD")
    except UnknownSymbolError:
        return False


def _preference(name: str) -> int:
    """Return 0 for dollars, then the dollar coins in turn."""
    return _DOLLARS.index(quote_of(_symbol_named(Path(name))))
