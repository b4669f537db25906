"""Find a symbol's damaged files, and move them aside so that their bars are fetched again."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd

from signal_server.core.errors import MarketDataError
from signal_server.market.coverage import Coverage
from signal_server.market.storage.damage import (
    DamagedFile,
    bars_fault,
    found_fault,
    month_fault,
    revisions_fault,
)
from signal_server.market.storage.live_file import LiveFile
from signal_server.market.storage.months import DAMAGED, Kind, MonthFiles
from signal_server.market.storage.parquet import QUARANTINE_COLUMNS, REVISION_COLUMNS
from signal_server.market.storage.pieces import month_period

Found = tuple[str, str | None, str]
"""Path, month, and what is wrong."""


def find_damage(
    months: MonthFiles, live: LiveFile | None, symbol: str, bar_seconds: int
) -> list[DamagedFile]:
    """Read all files of a symbol; return those that cannot be trusted."""
    found = [*_months(months, symbol, bar_seconds), *(_live(live) if live else ())]
    return [DamagedFile(path, fault, symbol, month) for path, month, fault in found if fault]


def discard_file(
    months: MonthFiles, folder: Path, damaged: DamagedFile, bar_seconds: int, now: datetime
) -> str:
    """Move a file aside and un-cover its month; return where it is now.

    `folder` is the local folder of all symbols. Live bars have no month: theirs is un-covered from
    the newest stored bar on.
    """
    symbol, stamp = damaged.symbol, f"{now:%Y%m%dT%H%M%SZ}"
    # Forgotten first: a kill in between costs a download and never a hole.
    coverage = Coverage.of(folder, symbol)
    coverage.remove(_uncovered(months, damaged, bar_seconds, now))
    if damaged.month is None:
        target = folder / symbol / DAMAGED / f"{Path(damaged.path).name}.{stamp}"
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(damaged.path).replace(target)
        return str(target)
    return months.set_aside(symbol, months.below(damaged.path), stamp)


def _uncovered(
    months: MonthFiles, damaged: DamagedFile, bar_seconds: int, now: datetime
) -> tuple[datetime, datetime]:
    bar = timedelta(seconds=bar_seconds)
    if damaged.month is not None:
        start, end = month_period(damaged.month)
        instant = timedelta(microseconds=1)
        return start + instant - bar, end + instant - bar
    stored = months.months(damaged.symbol)
    return month_period(stored[-1])[0] if stored else now - timedelta(days=366), now + bar


def _months(months: MonthFiles, symbol: str, bar_seconds: int) -> Iterator[Found]:
    for kind in Kind:
        for month in months.months(symbol, kind):
            for path in months.paths(symbol, kind, month):
                fault = _fault(months, path, kind, bar_seconds)
                yield months.place(path), month, fault


def _fault(months: MonthFiles, path: str, kind: Kind, bar_seconds: int) -> str:
    symbol, month = path.split("/")[0], path.split("/")[-1].split(".")[0]
    if kind is Kind.BARS:
        return found_fault(
            lambda: months.bars(symbol, [month]),
            lambda frame: (
                bars_fault(frame, month, bar_seconds) or _footer(months, symbol, month, frame)
            ),
        )
    if kind is Kind.REVISIONS:
        return found_fault(
            lambda: months.mixed(path, REVISION_COLUMNS),
            lambda frame: revisions_fault(frame, month, bar_seconds),
        )
    return found_fault(
        lambda: months.mixed(path, QUARANTINE_COLUMNS), lambda frame: month_fault(frame, month)
    )


def _footer(months: MonthFiles, symbol: str, month: str, frame: pd.DataFrame) -> str:
    told = months.edges(symbol, month)
    held = (frame.index[0], frame.index[-1], len(frame))
    return "" if told == held else "its footer does not tell what it holds"


def _live(live: LiveFile) -> Iterator[Found]:
    for path in (live.live, live.moving):
        try:
            live.rows_of(path)
        except MarketDataError as error:
            yield str(path), None, f"it cannot be read ({error.__cause__ or error})"
