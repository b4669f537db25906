"""Which version of which day's flat file each symbol was read from, in SQLite."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from signal_server.core.errors import MarketDataError

_BUSY_TIMEOUT_S = 30.0
_VERSION = 1
_SCHEMA = """
CREATE TABLE read_days (
    symbol TEXT NOT NULL,
    day TEXT NOT NULL,
    version TEXT NOT NULL,
    read_at TEXT NOT NULL,
    PRIMARY KEY (symbol, day)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 1;
"""
_NOTE = """
INSERT INTO read_days VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET version = excluded.version, read_at = excluded.read_at
"""


@dataclass(frozen=True, slots=True)
class ReadDay:
    """A symbol's bars of a day were taken from this version of the file."""

    symbol: str
    day: date
    version: str


class Ledger:
    """The record; every method opens it anew and may raise `MarketDataError`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def versions(self, first: date, last: date) -> dict[tuple[str, date], str]:
        """Return by symbol and day the version that was read, for days from `first` to `last`."""
        query = "SELECT symbol, day, version FROM read_days WHERE day BETWEEN ? AND ?"
        with self._open() as database:
            rows = database.execute(query, (first.isoformat(), last.isoformat())).fetchall()
        return {(symbol, date.fromisoformat(day)): version for symbol, day, version in rows}

    def note(self, read: Iterable[ReadDay], at: datetime) -> None:
        """Note days as read, all or none."""
        rows = [(r.symbol, r.day.isoformat(), r.version, at.isoformat()) for r in read]
        with self._open() as database:
            database.executemany(_NOTE, rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)
            try:
                _prepare(database)
                with database:
                    yield database
            finally:
                database.close()
        except (sqlite3.Error, ValueError) as error:
            raise MarketDataError(
                f"{self.path} cannot be used ({error}); if it is damaged, delete it: "
                "the bars stay, only republished files go unnoticed until they are read again"
            ) from error


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError("it was written by a newer version of this program")
    if version == 0:
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
