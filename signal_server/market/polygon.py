"""Polygon.io's REST interface through the vendor's client: bars and whether a coin is listed."""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import urllib3
from polygon import RESTClient
from polygon.exceptions import AuthError, BadResponse

from signal_server.core.clock import monotonic_s
from signal_server.core.config import PolygonConfig
from signal_server.core.errors import MarketDataError, UnknownSymbolError, VendorAuthError
from signal_server.core.symbols import to_polygon_rest
from signal_server.market.frames import bar_frame, empty_frame

PAGE_BARS = 50_000
RETRIES = 5
TIMESPANS = {1: "second", 60: "minute"}
KEY_HINT = "set SIGNAL_SERVER_POLYGON_API_KEY to a valid Polygon.io key"


class MalformedAnswerError(Exception):
    """An answer that is no JSON, or claims results that it does not carry."""


class StrictJson:
    """A JSON module for the vendor's client, which takes a broken answer for an empty one."""

    dumps = staticmethod(json.dumps)

    @staticmethod
    def loads(text: str) -> Any:
        """Parse; raise `MalformedAnswerError`, which the client does not swallow."""
        try:
            content = json.loads(text)
        except ValueError as error:
            raise MalformedAnswerError("an answer is no JSON") from error
        if not isinstance(content, dict):
            raise MalformedAnswerError("an answer is no JSON object")
        if content.get("resultsCount") and "results" not in content:
            raise MalformedAnswerError("an answer announces results and carries none")
        return content


class PacedPool:
    """The client's connection pool, with a time-out on each call and calls spread over time."""

    def __init__(self, pool: Any, timeout: urllib3.Timeout, calls_per_minute: int) -> None:
        self.connection_pool_kw = pool.connection_pool_kw
        self._pool = pool
        self._timeout = timeout
        self._interval_s = 60.0 / calls_per_minute if calls_per_minute else 0.0
        self._next_s = 0.0

    @property
    def ready(self) -> bool:
        """Whether a call would go out at once."""
        return monotonic_s() >= self._next_s

    def request(self, method: str, url: str, **options: Any) -> Any:
        """Wait for the call's turn, then make it."""
        time.sleep(max(0.0, self._next_s - monotonic_s()))
        self._next_s = monotonic_s() + self._interval_s
        return self._pool.request(method, url, timeout=self._timeout, **options)


class PolygonHistory:
    """Bars of the past. Blocking: call it from a thread when there is an event loop."""

    def __init__(self, config: PolygonConfig, api_key: str, bar_seconds: int) -> None:
        if not api_key:
            raise VendorAuthError(f"there is no Polygon.io key; {KEY_HINT}")
        self.bar_seconds = bar_seconds
        self._client = RESTClient(
            api_key, base=config.rest_url, retries=RETRIES, custom_json=StrictJson
        )
        timeout = urllib3.Timeout(connect=config.timeout_s, read=config.timeout_s)
        self._pool = PacedPool(self._client.client, timeout, config.calls_per_minute)
        self._client.client = self._pool

    @property
    def ready(self) -> bool:
        """Whether a call would go out at once, without waiting for the plan's pace."""
        return self._pool.ready

    def check_listed(self, symbol: str) -> None:
        """Raise `UnknownSymbolError` if Polygon.io does not list the symbol."""
        ticker = to_polygon_rest(symbol)
        found = self._ask(lambda: list(self._client.list_tickers(ticker=ticker, market="crypto")))
        if ticker not in {entry.ticker for entry in found}:
            raise UnknownSymbolError(f"Polygon.io lists no {symbol}; correct the symbol")

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the bars with start < close_time <= end, as the vendor gives them.

        The caller leaves out a bar that is not over yet. Raises `MarketDataError`.
        """
        length = timedelta(seconds=self.bar_seconds)
        aggregates = self._ask(
            lambda: list(
                self._client.list_aggs(
                    to_polygon_rest(symbol),
                    1,
                    TIMESPANS[self.bar_seconds],
                    # One millisecond on: the bar that begins a length before closes at `start`.
                    int((start - length).timestamp() * 1000) + 1,
                    int((end - length).timestamp() * 1000),
                    sort="asc",
                    limit=PAGE_BARS,
                )
            )
        )
        frame = frame_of_aggregates(aggregates, self.bar_seconds)
        inside = (frame.index > pd.Timestamp(start)) & (frame.index <= pd.Timestamp(end))
        return frame[inside]

    def _ask[T](self, call: Callable[[], T]) -> T:
        try:
            return call()
        except AuthError as error:
            raise VendorAuthError(f"Polygon.io refused the key; {KEY_HINT}") from error
        except BadResponse as error:
            raise _translate(str(error)) from error
        except MalformedAnswerError as error:
            raise MarketDataError(f"Polygon.io: {error}; nothing was stored, try again") from error
        except urllib3.exceptions.HTTPError as error:
            raise MarketDataError(f"Polygon.io cannot be reached: {_reason(error)}") from error


def frame_of_aggregates(aggregates: Iterable[Any], bar_seconds: int) -> pd.DataFrame:
    """Convert the vendor's aggregates, stamped with their START in ms UTC, to a bar frame."""
    rows = list(aggregates)
    if not rows:
        return empty_frame()
    length = timedelta(seconds=bar_seconds)
    closes = [datetime.fromtimestamp(row.timestamp / 1000, UTC) + length for row in rows]
    names = ("open", "high", "low", "close", "volume", "vwap", "transactions")
    return bar_frame(closes, {n: [_number(getattr(r, n)) for r in rows] for n in names})


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)


def _translate(body: str) -> MarketDataError:
    try:
        message = str(json.loads(body).get("error") or json.loads(body).get("message") or body)
    except (ValueError, AttributeError):
        message = body.splitlines()[0] if body else "no reason given"
    if "key" in message.lower():
        return VendorAuthError(f"Polygon.io refused the key ({message}); {KEY_HINT}")
    return MarketDataError(f"Polygon.io refused the request: {message[:200]}")


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    reason = str(getattr(error, "reason", None) or error)
    if "429" in reason:
        return "it answers that the plan's calls are used up; lower polygon.calls_per_minute"
    # urllib3 begins with the connection object, which tells nobody anything.
    reason = reason.rsplit(">: ", 1)[-1]
    return f"{reason[:160]}; check the connection and polygon.rest_url, then try again"
