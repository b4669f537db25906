"""Who may write a symbol: one process at a time, and the others learn which one.

The lock is the operating system's, so a dead process cannot hold on to it. A process that appends
live bars holds that right until it closes its store; processes that change files of months take
turns, so that history can be fetched while live bars come.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import ClassVar

from filelock import FileLock, Timeout

from signal_server.core.clock import Clock, monotonic_s
from signal_server.core.errors import MarketDataError

PATIENCE_S = 60.0
"""How long to wait for a process that changes months; one that appends is not waited for."""
LOOK_S = 0.2


class Right(StrEnum):
    """What one process at a time may do to a symbol."""

    APPEND = "appender"
    MERGE = "writer"

    @property
    def lock_name(self) -> str:
        """Return the name of the lock file."""
        return f".{self}.lock"

    @property
    def holder_name(self) -> str:
        """Return the name of the file that says who holds the lock."""
        return f".{self}.json"


@dataclass(frozen=True, slots=True)
class Writer:
    """The process that writes; `lasting` if it does so until it ends. `since` is ISO 8601, UTC."""

    pid: int
    host: str
    command: str
    since: str
    lasting: bool

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.command}) since {self.since}"


class _Hold:
    """A lock of one symbol in this process, shared by all threads and stores that write it."""

    _all: ClassVar[dict[tuple[int, Path], "_Hold"]] = {}
    _guard: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, lock: Path) -> None:
        self.lock = FileLock(lock, thread_local=False)
        self.count = 0
        self.counting = threading.Lock()
        self.turn = threading.RLock()

    @classmethod
    def of(cls, lock: Path) -> "_Hold":
        """Return this process's one; a forked child has its own."""
        key = (os.getpid(), lock.absolute())
        with cls._guard:
            return cls._all.setdefault(key, cls(lock))


class Lease:
    """A right of this process to one symbol."""

    def __init__(self, folder: Path, clock: Clock, right: Right) -> None:
        self._folder = folder
        self._clock = clock
        self._holder = folder / right.holder_name
        self._hold = _Hold.of(folder / right.lock_name)

    def take(self, *, lasting: bool) -> None:
        """Become the writer, or write on; raise `MarketDataError` that names who is it instead."""
        with self._hold.counting:
            first = self._hold.count == 0
            if first:
                self._wait()
            if first or lasting:
                self._sign(lasting, first=first)
            self._hold.count += 1

    def release(self) -> None:
        """Give back what was taken once; the last one lets other processes write."""
        with self._hold.counting:
            self._hold.count -= 1
            if not self._hold.count:
                self._hold.lock.release()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Write for a moment, while no other thread of this process does."""
        self.take(lasting=False)
        try:
            with self._hold.turn:
                yield
        finally:
            self.release()

    def _wait(self) -> None:
        before, deadline_s = None, monotonic_s() + PATIENCE_S
        while not self._locked():
            now = self._writer()
            # Looked at twice: a new holder may not have written its name yet.
            stays = now is not None and now.lasting and now == before
            if stays or monotonic_s() > deadline_s:
                raise MarketDataError(
                    f"{self._folder.name} is being written by {now or 'another process'}; "
                    "stop it, or try again when it has ended"
                )
            before = now

    def _locked(self) -> bool:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._hold.lock.acquire(timeout=LOOK_S)
        except Timeout:
            return False
        except OSError as error:
            reason = error.strerror or error
            raise MarketDataError(f"{self._folder} cannot be locked: {reason}") from error
        return True

    def _writer(self) -> Writer | None:
        try:
            return Writer(**json.loads(self._holder.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _sign(self, lasting: bool, *, first: bool) -> None:
        partial = self._holder.with_suffix(".partial")
        writer = writer_here(self._clock(), lasting)
        try:
            partial.write_text(json.dumps(asdict(writer)), encoding="utf-8")
            partial.replace(self._holder)
        except OSError as error:
            if first:
                # Nobody gives back what was never taken: it would be held until the process ends.
                self._hold.lock.release()
            reason = error.strerror or error
            raise MarketDataError(f"{self._holder} could not be written: {reason}") from error


def writer_here(since: datetime, lasting: bool) -> Writer:
    """Return the name of this process."""
    command = " ".join([Path(sys.argv[0]).name or "python", *sys.argv[1:]])[:200]
    moment = since.isoformat(timespec="seconds")
    return Writer(os.getpid(), socket.gethostname(), command, moment, lasting)
