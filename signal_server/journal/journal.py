"""The trade log's file: opened, migrated and written in transactions."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout
from sqlite_utils import Database

from signal_server.core.errors import JournalError
from signal_server.journal.exact import ExactSum
from signal_server.journal.schema import MIGRATIONS

BUSY_TIMEOUT_S = 10.0


class Journal:
    """One connection to the trade log, for one user at a time; close it or use it as a context.

    What a transaction wrote survives a killed process and a power cut once it has ended
    (write-ahead log, synced at every commit). Several processes may hold the log open.
    """

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self.path = path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the log, creating or migrating it first; raise `JournalError` if it cannot be."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with _translated(path):
            database = _connect(path)
            with FileLock(f"{path}.lock", timeout=BUSY_TIMEOUT_S):
                MIGRATIONS.apply(database)
        return cls(database, path)

    @classmethod
    def open_existing(cls, path: Path) -> Self:
        """Open the log of an earlier run to read it; raise `JournalError` if there is none.

        Nothing is written, but a log of an older version is upgraded first.
        """
        if not path.exists():
            raise JournalError(f"{path} does not exist; run `signal-server serve` first to trade")
        with _translated(path):
            database = _connect(path, read_only=True)
            if MIGRATIONS.pending(database):
                database.conn.close()
                cls.open(path).close()
                database = _connect(path, read_only=True)
        return cls(database, path)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write everything inside or nothing; raise `JournalError` if the file refuses."""
        with _translated(self.path):
            # Taking the write lock at once: a read that is upgraded later cannot wait.
            self._database.conn.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._database.rollback()
                raise
            self._database.commit()

    def execute(self, sql: str, parameters: Mapping[str, Any] | tuple[Any, ...] = ()) -> int | None:
        """Run one writing statement; return the new row's id, or None if no row was inserted."""
        cursor = self._database.conn.execute(sql, parameters)
        return cursor.lastrowid if cursor.rowcount > 0 else None

    def query(
        self, sql: str, parameters: Mapping[str, Any] | tuple[Any, ...] = ()
    ) -> list[dict[str, Any]]:
        """Return all rows of a reading statement, each by column name."""
        with _translated(self.path):
            return list(self._database.query(sql, parameters))

    def close(self) -> None:
        """Close the connection."""
        self._database.conn.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def to_text(when: datetime) -> str:
    """Return an instant as the log stores it: ISO 8601, UTC, microseconds."""
    return when.astimezone(UTC).isoformat(timespec="microseconds")


def from_text(text: str) -> datetime:
    """Return the instant that `to_text` wrote, tz-aware UTC."""
    return datetime.fromisoformat(text)


def _connect(path: Path, *, read_only: bool = False) -> Database:
    # Threads take turns with a connection; whoever lets them use it sees to that.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}",
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    # A reader takes the file as it is: switching to the write-ahead log would write.
    durable = () if read_only else ("journal_mode = WAL", "synchronous = FULL")
    for setting in (*durable, "foreign_keys = ON"):
        connection.execute(f"PRAGMA {setting}")
    connection.create_aggregate("exact_sum", 1, ExactSum)  # type: ignore[arg-type]
    return Database(connection, execute_plugins=False)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except Timeout as error:
        raise JournalError(f"{path} is being migrated by another process; try again") from error
    except sqlite3.OperationalError as error:
        # Locked, full, read-only or not to be opened: the file itself may be sound.
        raise JournalError(f"{path} cannot be used now ({error}); put that right, retry") from error
    except sqlite3.DatabaseError as error:
        raise JournalError(
            f"the trade log {path} cannot be used ({error}); move it away"
        ) from error
