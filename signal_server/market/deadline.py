"""Connections whose answers must be whole by a deadline, however slowly their bytes drip in.

A read time-out begins anew with each byte; here it is also the measure of the whole answer.
"""

import io
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from signal_server.core.clock import monotonic_s

TIMEOUTS_TO_DEADLINE = 3.0
"""The deadline, counted in read time-outs since the question was asked."""


def set_deadlines(pool: Any) -> None:
    """Let all connections that the pool will open keep deadlines."""
    pool.pool_classes_by_scheme = {"http": _TimedPool, "https": _TimedSecurePool}


class _TimedAnswer(io.RawIOBase):
    """The bytes of one answer; reading raises `TimeoutError` after the deadline."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._timeout_s = sock.gettimeout()
        self._raw = sock.makefile("rb", buffering=0)
        self._deadline_s = monotonic_s() + TIMEOUTS_TO_DEADLINE * (self._timeout_s or 0.0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._timeout_s:
            left_s = self._deadline_s - monotonic_s()
            if left_s <= 0:
                raise TimeoutError("the answer came too slowly")
            self._sock.settimeout(min(self._timeout_s, left_s))
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """A socket whose answers keep a deadline; in all else it is the socket that it wraps."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(_TimedAnswer(self._sock))


class _TimedConnection(HTTPConnection):
    def connect(self) -> None:
        super().connect()  # type: ignore[no-untyped-call]
        self.sock: Any = _TimedSocket(self.sock)


class _TimedSecureConnection(HTTPSConnection):
    def connect(self) -> None:
        super().connect()  # type: ignore[no-untyped-call]
        self.sock: Any = _TimedSocket(self.sock)


class _TimedPool(HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedSecurePool(HTTPSConnectionPool):
    ConnectionCls = _TimedSecureConnection
