"""Calls to Polygon.io's REST interface: paced, with time-outs that work, and told apart.

It stands in the place of the connection pool of the vendor's client, which has no pace, no
time-out that works, and says of a refusal neither its status nor how long to wait.
"""

import threading
from typing import Any

import urllib3
from urllib3.exceptions import InvalidHeader

from signal_server.core.errors import StoppedError
from signal_server.market.deadline import set_deadlines
from signal_server.market.pace import Pace

CONNECTIONS = 16


class AnswerError(Exception):
    """An answer with a status other than 200; `retry_after_s` is what it asks to wait."""

    def __init__(self, status: int, body: str, retry_after_s: float) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


class PacedCalls:
    """The vendor client's connection pool as threads share it."""

    def __init__(self, pool: Any, timeout_s: float, calls_per_minute: int) -> None:
        pool.connection_pool_kw["maxsize"] = CONNECTIONS
        set_deadlines(pool)
        self.connection_pool_kw = pool.connection_pool_kw
        self.pace = Pace(calls_per_minute)
        self.stopped = threading.Event()
        self._pool = pool
        self._timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Wait for the call's turn, make it, and return an answer of status 200.

        Raises `AnswerError` for any other, and what urllib3 raises.
        """
        self.pause(self.pace.take_turn())
        # No retries and no redirects here: who asks decides, and the key goes nowhere else.
        answer = self._pool.request(method, url, timeout=self._timeout, retries=False, **options)
        if answer.status != 200:
            body = answer.data.decode("utf-8", errors="replace")
            raise AnswerError(answer.status, body, _retry_after_s(answer.headers))
        return answer

    def pause(self, seconds: float) -> None:
        """Wait; raise `StoppedError` as soon as the work is stopped."""
        if self.stopped.wait(seconds) if seconds > 0 else self.stopped.is_set():
            raise StoppedError("stopped; run it again to go on where it was")


def _retry_after_s(headers: Any) -> float:
    told = headers.get("Retry-After")
    try:
        return float(urllib3.Retry().parse_retry_after(told)) if told else 0.0
    except InvalidHeader:
        return 0.0
