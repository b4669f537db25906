"""Polygon.io's REST interface through the vendor's client: bars, days and listed coins.

An empty answer is not believed at once: the client gives one for a broken answer, too, and a
month without trades looks the same. It is asked for with some time before it, and then by days.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http import HTTPStatus

import pandas as pd
import urllib3

from signal_server.core.clock import Clock, utc_now
from signal_server.core.config import PolygonConfig
from signal_server.core.errors import (
    MarketDataError,
    NotEntitledError,
    UnavailableError,
    VendorAuthError,
)
from signal_server.core.symbols import to_polygon_rest
from signal_server.market.patience import Patience, Trials
from signal_server.market.polygon_calls import AnswerError, PacedCalls
from signal_server.market.polygon_pages import (
    AggregateQuery,
    MalformedAnswerError,
    Row,
    days_of_rows,
    frame_of_rows,
    read_page,
    tickers_of,
    whole_days,
)
from signal_server.market.unreachable import why_unreachable
from signal_server.market.vendor import KEY_HINT, vendor_client

logger = logging.getLogger(__name__)

PAGE_BARS = 50_000
MOST_PAGES = 1000
PATIENCE = Patience(30.0)
WRONG_S = 120.0
"""How long answers that make no sense are asked for again; others may make sense."""
BUSY_WAIT_S = 12.0
"""A plan of few calls a minute has none again before."""
TIMESPANS = {1: "second", 60: "minute"}
LEADS = {
    1: (timedelta(minutes=10), timedelta(hours=12)),
    60: (timedelta(days=2),),
}
"""How much time before an empty period is asked for with it, by the length of a bar."""
PASSING = {408, 413, 429, 499, *range(500, 600)}
"""The statuses that another try can change."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A failure that is tried again after `wait_s`; `reason` is a sentence."""

    reason: str
    wait_s: float


class PolygonHistory:
    """Bars of the past. Blocking, and made to be shared by threads; raises `MarketDataError`."""

    def __init__(
        self,
        config: PolygonConfig,
        api_key: str,
        bar_seconds: int,
        *,
        patience: Patience | None = None,
        on_wait: Callable[[Waiting], None] | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Raise `VendorAuthError` without a key; `clock` is that of this computer."""
        if not api_key:
            raise VendorAuthError(f"there is no Polygon.io key; {KEY_HINT}")
        self.bar_seconds = bar_seconds
        self._vendor = vendor_client(config.client)
        self._client = self._vendor.rest(api_key, base=config.rest_url, retries=0)
        self._calls = PacedCalls(
            self._client.client, config.timeout_s, config.calls_per_minute, clock
        )
        self._client.client = self._calls
        self._busy_wait_s = BUSY_WAIT_S if config.calls_per_minute else 0.0
        self._patience = patience or PATIENCE
        self._on_wait = on_wait or _log

    @property
    def ready(self) -> bool:
        """Whether a call would go out at once, without waiting for the plan's pace."""
        return self._calls.pace.ready

    def stop(self) -> None:
        """Let all threads that wait here, now or later, meet a `StoppedError`."""
        self._calls.stopped.set()

    def listed(self, *, active: bool = True) -> frozenset[str]:
        """Return the REST tickers of all coins, or of those that are listed no more."""
        return self._ask(lambda: self._tickers({"active": str(active).lower()}))

    def bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        """Return the bars with start < close_time <= end, as the vendor gives them.

        The caller leaves out a bar that is not over yet. Of bars with the same time the first
        counts. Raises `MarketDataError` also if the vendor hides bars that it has.
        """
        return self._ask(partial(self._bars, symbol, start, end))

    def traded_days(self, symbol: str, start: datetime, end: datetime) -> frozenset[date]:
        """Return the days, UTC, from that of `start` to that of `end`, with trades."""
        return self._ask(lambda: self._days(symbol, start, end))

    def _bars(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        leads = (timedelta(), *LEADS[self.bar_seconds])
        for lead in leads:
            frame = self._frame(symbol, start - lead, end)
            if not frame.empty:
                return _between(frame, start, end)
        if whole_days(start - leads[-1], end):
            self._require_silence(symbol, start - leads[-1], end)
        return frame

    def _frame(self, symbol: str, start: datetime, end: datetime) -> pd.DataFrame:
        length = timedelta(seconds=self.bar_seconds)
        query = AggregateQuery.between(
            to_polygon_rest(symbol),
            TIMESPANS[self.bar_seconds],
            # One millisecond on: the bar that begins a length before closes at `start`.
            start - length + timedelta(milliseconds=1),
            end - length,
        )
        frame = frame_of_rows(self._rows(query), self.bar_seconds)
        return _between(frame, start, end)

    def _require_silence(self, symbol: str, start: datetime, end: datetime) -> None:
        if self._days(symbol, start, end) & set(whole_days(start, end)):
            raise MalformedAnswerError("an answer hides the bars of days with trades")

    def _days(self, symbol: str, start: datetime, end: datetime) -> frozenset[date]:
        first, last = (str(moment.astimezone(UTC).date()) for moment in (start, end))
        return days_of_rows(self._rows(AggregateQuery(to_polygon_rest(symbol), "day", first, last)))

    def _rows(self, first: AggregateQuery) -> list[Row]:
        """Return the rows of all pages, in the order in which they come."""
        query: AggregateQuery | None = first
        asked: set[AggregateQuery] = set()
        rows: list[Row] = []
        while query is not None:
            if query in asked or len(asked) == MOST_PAGES:
                raise MalformedAnswerError("an answer's next pages never end")
            asked.add(query)
            page = read_page(self._page(query), query)
            rows += page.rows
            query = page.following
            if rows and not page.rows:
                # A page was announced and is empty: ask anew, from a bar that must be there.
                query = first.since(rows)
        return rows

    def _page(self, query: AggregateQuery) -> bytes:
        answer = self._client.list_aggs(
            *(query.ticker, 1, query.timespan, query.start, query.end),
            sort="asc",
            limit=PAGE_BARS,
            params=dict(query.extra),
            raw=True,
        )
        body: bytes = answer.data
        return body

    def _tickers(self, wanted: dict[str, str]) -> frozenset[str]:
        found: set[str] = set()
        asked = wanted | {"market": "crypto", "limit": "1000"}
        for _ in range(MOST_PAGES):
            answer = self._client.list_tickers(params=dict(asked), limit=None, sort=None, raw=True)
            tickers, following = tickers_of(answer.data)
            found |= tickers
            if not following or following == asked:
                return frozenset(found)
            asked = following
        raise MalformedAnswerError("an answer's next pages never end")

    def _ask[T](self, call: Callable[[], T]) -> T:
        """Call until it succeeds, it is refused for good, or patience ends."""
        down = Trials(self._patience)
        wrong = Trials(replace(self._patience, total_s=min(self._patience.total_s, WRONG_S)))
        while True:
            try:
                return call()
            except self._vendor.auth_error as error:
                raise VendorAuthError(f"Polygon.io refused the key; {KEY_HINT}") from error
            except AnswerError as error:
                failure = _refusal(error)
                if error.status not in PASSING:
                    raise failure from error
                busy = error.status == HTTPStatus.TOO_MANY_REQUESTS
                self._wait(down, failure, error.retry_after_s, busy=busy)
            except MalformedAnswerError as error:
                sentence = f"Polygon.io: {error}; nothing was stored, try again"
                self._wait(wrong, MarketDataError(sentence))
            except urllib3.exceptions.HTTPError as error:
                self._wait(down, UnavailableError(_unreachable(error)))

    def _wait(
        self,
        trials: Trials,
        failure: MarketDataError,
        asked_s: float = 0.0,
        *,
        busy: bool = False,
    ) -> None:
        """Wait before the next try; raise the failure if there is none."""
        wait_s = trials.next_wait(max(asked_s, self._busy_wait_s if busy else 0.0))
        if wait_s is None:
            raise failure
        self._on_wait(Waiting(str(failure), wait_s))
        if busy or asked_s:
            # The plan is used up for all threads.
            self._calls.pace.hold(wait_s)
        else:
            self._calls.pause(wait_s)


def _between(frame: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
    inside = (frame.index > pd.Timestamp(start)) & (frame.index <= pd.Timestamp(end))
    return frame[inside]


def _refusal(error: AnswerError) -> MarketDataError:
    if error.status == HTTPStatus.TOO_MANY_REQUESTS:
        return UnavailableError(
            "Polygon.io answers that the plan's calls are used up; "
            "lower polygon.calls_per_minute or wait"
        )
    told = _message(error.body)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnavailableError(f"Polygon.io failed ({error.status}: {told}); try again later")
    if error.status == HTTPStatus.UNAUTHORIZED or "key" in told.lower():
        return VendorAuthError(f"Polygon.io refused the key ({told}); {KEY_HINT}")
    if error.status == HTTPStatus.FORBIDDEN:
        return NotEntitledError(
            f"Polygon.io's plan does not include that ({told}); begin later or change the plan"
        )
    return MarketDataError(f"Polygon.io refused the request ({error.status}: {told})")


def _message(body: str) -> str:
    try:
        content = json.loads(body)
        told = str(content.get("error") or content.get("message") or body)
    except (ValueError, AttributeError):
        told = body.splitlines()[0] if body else "no reason given"
    return told[:200]


def _unreachable(error: urllib3.exceptions.HTTPError) -> str:
    advice = "check the connection and polygon.rest_url, then try again"
    return f"Polygon.io cannot be reached: {why_unreachable(error)}; {advice}"


def _log(waiting: Waiting) -> None:
    logger.warning("%s; trying again in %.0f s", waiting.reason, waiting.wait_s)
