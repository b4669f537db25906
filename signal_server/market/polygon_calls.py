"""Calls to Polygon.io's REST interface: paced, with time-outs that work, and told apart.

It stands in the place of the connection pool of the vendor's client, which has no pace, no
time-out that works, and says of a refusal neither its status nor how long to wait.
"""

import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.exceptions import InvalidHeader

from signal_server.core.clock import Clock
from signal_server.core.errors import MarketDataError, StoppedError
from signal_server.market.coverage import CLOCKS_APART
from signal_server.market.deadline import set_deadlines
from signal_server.market.pace import Pace

CONNECTIONS = 16
MOST_AHEAD = timedelta(seconds=5)
"""A clock that is further ahead takes bars for final that are not over."""
MOST_BEHIND = CLOCKS_APART
"""One that is further behind would forget what is truly covered."""


class AnswerError(Exception):
    """An answer with a status other than 200; `retry_after_s` is what it asks to wait."""

    def __init__(self, status: int, body: str, retry_after_s: float) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.retry_after_s = retry_after_s


class PacedCalls:
    """The vendor client's connection pool as threads share it."""

    def __init__(self, pool: Any, timeout_s: float, calls_per_minute: int, clock: Clock) -> None:
        pool.connection_pool_kw["maxsize"] = CONNECTIONS
        set_deadlines(pool)
        self.connection_pool_kw = pool.connection_pool_kw
        self.pace = Pace(calls_per_minute)
        self.stopped = threading.Event()
        self._pool = pool
        self._clock = clock
        self._timeout = urllib3.Timeout(connect=timeout_s, read=timeout_s)

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Wait for the call's turn, make it, and return an answer of status 200.

        Raises `AnswerError` for any other, `MarketDataError` if this computer's clock is wrong,
        and what urllib3 raises.
        """
        self.pause(self.pace.take_turn())
        asked_at = self._clock()
        # No retries and no redirects here: who asks decides, and the key goes nowhere else.
        answer = self._pool.request(method, url, timeout=self._timeout, retries=False, **options)
        if answer.status != 200:
            body = answer.data.decode("utf-8", errors="replace")
            raise AnswerError(answer.status, body, _retry_after_s(answer.headers))
        _check_clock(_dated(answer.headers), asked_at, self._clock())
        return answer

    def pause(self, seconds: float) -> None:
        """Wait; raise `StoppedError` as soon as the work is stopped."""
        if self.stopped.wait(seconds) if seconds > 0 else self.stopped.is_set():
            raise StoppedError("stopped; run it again to go on where it was")


def _check_clock(dated: datetime | None, asked_at: datetime, came_at: datetime) -> None:
    """Raise `MarketDataError` if an answer is of before its question, or of long after it came."""
    if dated is None:
        return
    if asked_at - dated > MOST_AHEAD or dated - came_at > MOST_BEHIND:
        raise MarketDataError(
            f"this computer's clock says {came_at:%Y-%m-%d %H:%M:%S} UTC and Polygon.io's "
            f"{dated:%Y-%m-%d %H:%M:%S}; set the clock and try again"
        )


def _dated(headers: Any) -> datetime | None:
    """Return when an answer was sent; None if it does not say, or comes from a cache."""
    try:
        dated = None if "Age" in headers else parsedate_to_datetime(headers.get("Date", ""))
    except ValueError:
        return None
    return dated.replace(tzinfo=UTC) if dated and dated.tzinfo is None else dated


def _retry_after_s(headers: Any) -> float:
    told = headers.get("Retry-After")
    try:
        return float(urllib3.Retry().parse_retry_after(told)) if told else 0.0
    except InvalidHeader:
        return 0.0
