"""The Parquet files of a store: bars by symbol and month, and beside them what is not the bars."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import pandas as pd
import pyarrow as pa

from signal_server.core.domain import BAR_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import empty_frame
from signal_server.market.storage.damage import MONTH, refuse_implausible, refuse_other_month
from signal_server.market.storage.files import Files
from signal_server.market.storage.merge import merge
from signal_server.market.storage.parquet import (
    DAMAGE,
    QUARANTINE_COLUMNS,
    REVISION_COLUMNS,
    SEEN,
    Block,
    Columns,
    checked,
    closes_of,
    columns_of,
    decode,
    encode,
    is_whole,
    mixed_frame,
    rows_of,
)
from signal_server.market.storage.pieces import once

DAMAGED = "damaged"
"""The folder for files that were moved aside."""


class Kind(StrEnum):
    """What a file holds, and the folder of a symbol that it lies in."""

    BARS = ""
    REVISIONS = "revisions"
    QUARANTINE = "quarantine"


class MonthFiles:
    """The Parquet files below a root, by symbol, kind and month (like 2025-06)."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def symbols(self) -> list[str]:
        """Return the names of the folders."""
        return self._files.folders()

    def months(self, symbol: str, kind: Kind = Kind.BARS) -> list[str]:
        """Return the months of which there are files, oldest first."""
        names = self._files.names(f"{symbol}/{kind}".rstrip("/"))
        found = {name.split(".")[0] for name in names if _is_month(name)}
        if kind is Kind.REVISIONS:
            found |= {n.split(".")[0] for n in self._files.names(symbol) if _is_early(n)}
        return sorted(found)

    def bars(
        self, symbol: str, months: Sequence[str], columns: Sequence[str] = BAR_COLUMNS
    ) -> pd.DataFrame:
        """Return the bars of these months; raise `MarketDataError` naming a damaged file."""
        if not months:
            return empty_frame().loc[:, list(columns)]
        paths = [path_of(symbol, Kind.BARS, month) for month in months]
        with _readers(len(paths)) as readers:
            contents = list(readers(self._read, paths))
            rows = [self._checked(*one, rows_of) for one in zip(paths, contents, strict=True)]
            block = Block(rows, columns)

            def put(number: int) -> None:
                def unpack(content: pa.Buffer) -> None:
                    block.put(number, _bars_in(content, months[number], columns))

                self._checked(paths[number], contents[number], unpack)

            # Unpacked straight into their places: what is freed at once is used again at once.
            list(readers(put, range(len(paths))))
        return block.frame()

    def revisions(self, symbol: str, months: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the revisions of these or all months, with `seen_at`, NaT where unknown."""
        chosen = self.months(symbol, Kind.REVISIONS) if months is None else months
        paths = [path for month in chosen for path in self.paths(symbol, Kind.REVISIONS, month)]
        frames = [self.mixed(path, REVISION_COLUMNS) for path in paths]
        return pd.concat(frames) if frames else empty_revisions()

    def quarantined(self, symbol: str, months: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what is held back, with `reason`, `source` and `seen_at`."""
        chosen = self.months(symbol, Kind.QUARANTINE) if months is None else months
        paths = [path_of(symbol, Kind.QUARANTINE, month) for month in chosen]
        frames = [self.mixed(path, QUARANTINE_COLUMNS) for path in paths]
        return pd.concat(frames) if frames else empty_quarantine()

    def paths(self, symbol: str, kind: Kind, month: str) -> list[str]:
        """Return the paths of the files of a month: two, where an earlier version wrote one."""
        names = self._files.names(f"{symbol}/{kind}".rstrip("/"))
        paths = [path_of(symbol, kind, month)] if f"{month}.parquet" in names else []
        if kind is Kind.REVISIONS:
            early = [name for name in self._files.names(symbol) if _is_early(name)]
            paths += [f"{symbol}/{name}" for name in early if name.startswith(month)]
        return paths

    def put(self, symbol: str, kind: Kind, month: str, frame: pd.DataFrame) -> None:
        """Replace a file."""
        self._files.replace(path_of(symbol, kind, month), encode(frame))

    def merge(self, symbol: str, month: str, came: pd.DataFrame) -> int:
        """Merge bars that came (with `seen_at`) into a month; return how many were new."""
        there = month in self.months(symbol)
        held = self.bars(symbol, [month] if there else [])
        before = self.revisions(symbol, [month])
        merged = merge(held, before, came)
        # Revisions first: after a kill in between, the same bars told again change nothing.
        if len(merged.revised):
            both = pd.concat([part for part in (before, merged.revised) if len(part)])
            self.put(symbol, Kind.REVISIONS, month, both.sort_index(kind="stable"))
        if merged.changed:
            self.put(symbol, Kind.BARS, month, merged.bars)
        return merged.new

    def hold_back(self, symbol: str, month: str, came: pd.DataFrame) -> None:
        """Add rows of one month to the quarantine, unless they are there."""
        there = month in self.months(symbol, Kind.QUARANTINE)
        held = self.quarantined(symbol, [month] if there else [])
        both = once(pd.concat([held, came]) if there else came, QUARANTINE_COLUMNS[:-1])
        if len(both) > len(held):
            self.put(symbol, Kind.QUARANTINE, month, both)

    def edges(self, symbol: str, month: str) -> tuple[pd.Timestamp, pd.Timestamp, int]:
        """Return first close, last close and number of bars of a month, without its bars."""
        path = path_of(symbol, Kind.BARS, month)
        return self._checked(path, self._read(path), closes_of)

    def sizes(self, symbol: str) -> int:
        """Return the bytes of all of a symbol's files."""
        folders = [symbol, *(f"{symbol}/{kind}" for kind in Kind if kind)]
        return sum(sum(self._files.sizes(folder).values()) for folder in folders)

    def clean(self, symbol: str) -> None:
        """Delete what killed writers left half written."""
        for kind in Kind:
            self._files.clean(f"{symbol}/{kind}".rstrip("/"))

    def place(self, path: str) -> str:
        """Return how a person finds a file."""
        return self._files.place(path)

    def below(self, place: str) -> str:
        """Return the path below the root of a place."""
        return place.removeprefix(self._files.place("")).lstrip("/")

    def set_aside(self, symbol: str, path: str, stamp: str) -> str:
        """Move a file of a symbol out of the way; return where it is now."""
        target = f"{symbol}/{DAMAGED}/{path.removeprefix(f'{symbol}/').replace('/', '-')}.{stamp}"
        self._files.move(path, target)
        return self._files.place(target)

    def mixed(self, path: str, columns: Sequence[str]) -> pd.DataFrame:
        """Return a file of numbers, texts and times."""
        content = self._read(path)
        return self._checked(path, content, lambda whole: mixed_frame(checked(whole, columns)))

    def _read(self, path: str) -> pa.Buffer:
        try:
            return self._files.read(path)
        except DAMAGE as error:
            raise self._damaged(path) from error

    def _checked[T](self, path: str, content: pa.Buffer, read: Callable[[pa.Buffer], T]) -> T:
        try:
            return read(content)
        except DAMAGE as error:
            raise self._damaged(path) from error

    def _damaged(self, path: str) -> MarketDataError:
        return MarketDataError(
            f"{self._files.place(path)} is damaged or no bar file; run `signal-server data verify "
            "--refetch`, which moves it aside and fetches its bars again"
        )


def path_of(symbol: str, kind: Kind, month: str) -> str:
    """Return a file's path below the root."""
    return f"{symbol}/{kind}/{month}.parquet" if kind else f"{symbol}/{month}.parquet"


def _bars_in(content: pa.Buffer, month: str, names: Sequence[str]) -> Columns:
    whole = is_whole(content)
    part = columns_of(decode(content, names, by_page=not whole), names)
    refuse_other_month(part, month)
    # What the checksum covers was looked at when it was written.
    if not whole:
        refuse_implausible(part)
    return part


def empty_revisions() -> pd.DataFrame:
    """Return revisions without rows."""
    return empty_frame().assign(**{SEEN: pd.DatetimeIndex([], tz="UTC").as_unit("us")})


def empty_quarantine() -> pd.DataFrame:
    """Return a quarantine without rows."""
    texts = {name: pd.Series(dtype="str") for name in ("reason", "source")}
    return empty_revisions().assign(**texts).loc[:, list(QUARANTINE_COLUMNS)]


def _is_month(name: str) -> bool:
    stem, _, suffix = name.partition(".")
    return suffix == "parquet" and MONTH.fullmatch(stem) is not None


def _is_early(name: str) -> bool:
    """Tell revisions as earlier versions named them."""
    return MONTH.match(name) is not None and name.endswith(".revisions.parquet")


@contextmanager
def _readers(files: int) -> Iterator[Callable[..., Any]]:
    """Give a `map` that reads files beside each other: unpacking leaves the interpreter free."""
    if files == 1:
        yield map
        return
    with ThreadPoolExecutor(min(files, os.cpu_count() or 1)) as pool:
        yield pool.map
