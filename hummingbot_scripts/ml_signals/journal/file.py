"""The journal's file: who may open it, what it must be, and how sure a write is."""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .schema import APPLICATION_ID, MIGRATIONS

BUSY_S = 1.0
"""How long a write waits for somebody else's, a person with a SQLite shell for instance."""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA foreign_keys = ON",
)


class JournalError(RuntimeError):
    """The journal cannot be used; the text says why and what to do. Open nothing new."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose journal it is: the bot's id and `paper` or `live`."""

    bot_id: str
    mode: str


class JournalFile:
    """One SQLite file with one writer: locked, checked and brought up to date when opened.

    Write-ahead logging with `synchronous = FULL`: a commit returns once the log is on the disk,
    so an order that is written before it is sent is known even after a power cut. `NORMAL` would
    survive a killed process but may lose the newest commits with the power. What is no money
    (decisions, their counts) is committed without that wait: a later commit makes it sure.
    """

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        """Open or create the file at `path` for `owner`."""
        self._path = path
        self._depth = 0
        self.problem = ""
        self._lock = _Lock(path, owner)
        try:
            self._db = self._opened()
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the file and let others open it; nothing can be written afterwards."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        self._lock.release()

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """Make the writes inside one: all of them happen, or none.

        One inside another belongs to the outer. Without `durable` it may be lost with the power.
        """
        if self._depth:
            yield
            return
        if not durable:
            self._run("PRAGMA synchronous = NORMAL")
        try:
            with self._atomic():
                yield
        finally:
            if not durable:
                self._run("PRAGMA synchronous = FULL")

    @contextmanager
    def _atomic(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk ends a transaction by itself
                self._run("ROLLBACK")
            raise
        finally:
            self._depth -= 1
        self.problem = ""

    def _run(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _run_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        try:
            self._db.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        rows = self._rows(sql, values)
        return rows[0] if rows else None

    def _failure(self, error: sqlite3.Error) -> JournalError:
        self.problem = (
            f"The journal {self._path} cannot be used: {error}; see that the disk has room and "
            "the file may be written, then start the bot again."
        )
        return JournalError(self.problem)

    def _opened(self) -> sqlite3.Connection:
        try:
            self._db = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            _check(self._db, self._path)
            for pragma in _PRAGMAS:
                self._db.execute(pragma)
            _migrate(self._db)
        except sqlite3.OperationalError as error:
            raise self._failure(error) from error
        except sqlite3.DatabaseError as error:
            raise JournalError(
                f"{self._path} is damaged or no SQLite file ({error}); move it away and put a "
                "backup in its place, or start without it after closing what the bot held."
            ) from error
        return self._db


def _check(db: sqlite3.Connection, path: Path) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    mark = db.execute("PRAGMA application_id").fetchone()[0]
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = mark == APPLICATION_ID if version > 1 else not tables or "outbox" in tables
    if not ours or (tables and not version):
        raise JournalError(
            f"{path} is a SQLite file of another program; move it away, or choose another bot_id."
        )
    if version > len(MIGRATIONS):
        raise JournalError(
            f"{path} was written by a newer version (its tables are {version}, this program "
            f"knows {len(MIGRATIONS)}); start that version."
        )
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _migrate(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        try:
            db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
        except sqlite3.Error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


class _Lock:
    """A lock beside the journal that the system lets go when its process ends, however it ends."""

    def __init__(self, path: Path, owner: Owner | None) -> None:
        place = path.with_name(f"{path.name}.lock")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(place, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise JournalError(
                f"The folder {path.parent} cannot be used for the journal: {error.strerror}; "
                "see that the bot may write there and the disk has room."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 200, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise JournalError(
                f"{path} is in use by {holder or 'another bot'}; stop that one first, or give "
                "this one another bot_id."
            ) from error
        self._note(owner)

    def _note(self, owner: Owner | None) -> None:
        name = f"bot {owner.bot_id!r} ({owner.mode})" if owner else "a bot"
        with contextlib.suppress(OSError):  # on a full disk the lock holds without a name
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{name}, process {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let others have the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
