"""Polygon.io's pages of aggregates: read strictly, followed only where they may lead."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd

from signal_server.market.frames import bar_frame, empty_frame

_NAMES = {
    "open": "o",
    "high": "h",
    "low": "l",
    "close": "c",
    "volume": "v",
    "vwap": "vw",
    "transactions": "n",
}
_PATH = re.compile(
    r"/v2/aggs/ticker/(?P<ticker>[^/]+)/range/1/(?P<timespan>[a-z]+)/(?P<start>[^/]+)/(?P<end>[^/]+)"
)

Row = Mapping[str, Any]


class MalformedAnswerError(Exception):
    """An answer that cannot be what was asked for; the text ends "Polygon.io: an answer …"."""


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """The question for a page: bars that start in [start, end], dates or ms since 1970."""

    ticker: str
    timespan: str
    start: str
    end: str
    extra: tuple[tuple[str, str], ...] = ()

    @classmethod
    def between(
        cls, ticker: str, timespan: str, start: datetime, end: datetime
    ) -> "AggregateQuery":
        """Ask for bars that start in [start, end]."""
        return cls(ticker, timespan, str(_ms(start)), str(_ms(end)))

    def following(self, next_url: str) -> "AggregateQuery":
        """Return the question of the next page; raise if it is about something else."""
        address = urlsplit(str(next_url))
        found = _PATH.fullmatch(unquote(address.path))
        if not found or (found["ticker"], found["timespan"]) != (self.ticker, self.timespan):
            raise MalformedAnswerError("an answer's next page leads elsewhere")
        named = [(name, value) for name, value in parse_qsl(address.query) if name != "apiKey"]
        return AggregateQuery(
            self.ticker, self.timespan, found["start"], found["end"], tuple(sorted(named))
        )

    def since(self, rows: "Sequence[Row]") -> "AggregateQuery":
        """Return the question for the newest of the rows and all after it."""
        try:
            newest = max(int(row["t"]) for row in rows)
        except (LookupError, TypeError, ValueError) as error:
            raise MalformedAnswerError("an answer has a bar that cannot be read") from error
        return AggregateQuery(self.ticker, self.timespan, str(newest), self.end)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as the vendor names their values, and the question for what follows, if any."""

    rows: Sequence[Row]
    following: AggregateQuery | None


def read_page(body: bytes, query: AggregateQuery) -> Page:
    """Read an answer to `query`; raise `MalformedAnswerError` if it cannot be trusted."""
    content = read_answer(body)
    if content.get("ticker", query.ticker) != query.ticker:
        raise MalformedAnswerError("an answer is about another coin")
    rows = rows_of(content)
    address = content.get("next_url")
    return Page(rows, query.following(address) if address else None)


def read_answer(body: bytes) -> dict[str, Any]:
    """Parse an answer, a JSON object without an error in it."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError("an answer is no JSON") from error
    if not isinstance(content, dict):
        raise MalformedAnswerError("an answer is no JSON object")
    if content.get("status") in {"ERROR", "NOT_AUTHORIZED", "NOT_FOUND"}:
        raise MalformedAnswerError(f"an answer says {content['status']}")
    return content


def rows_of(content: Mapping[str, Any]) -> list[Row]:
    """Return the results of an answer, each an object, and as many as it announces."""
    announced = content.get("resultsCount") or 0
    if not isinstance(announced, int):
        raise MalformedAnswerError("an answer does not count its results")
    if announced and not content.get("results"):
        raise MalformedAnswerError("an answer announces results and carries none")
    rows = content.get("results") or []
    if not isinstance(rows, list) or not set(map(type, rows)) <= {dict}:
        raise MalformedAnswerError("an answer's results are no list of objects")
    if len(rows) < announced and not content.get("next_url"):
        raise MalformedAnswerError("an answer announces more results than it carries")
    return rows


def tickers_of(body: bytes) -> tuple[frozenset[str], dict[str, str] | None]:
    """Read a page of listed coins; return their tickers, and the question for what follows."""
    content = read_answer(body)
    if "results" not in content:
        raise MalformedAnswerError("an answer lists nothing at all")
    tickers = frozenset(str(row.get("ticker")) for row in rows_of(content))
    address = urlsplit(str(content.get("next_url") or ""))
    return tickers, dict(parse_qsl(address.query)) if address.query else None


def frame_of_rows(rows: Sequence[Row], bar_seconds: int) -> pd.DataFrame:
    """Convert rows, stamped with their START in ms UTC, to a bar frame; NaN for what is absent."""
    if not rows:
        return empty_frame()
    try:
        starts = np.fromiter(map(itemgetter("t"), rows), dtype="int64", count=len(rows))
        values = _values(rows)
        closes = pd.to_datetime(starts + 1000 * bar_seconds, unit="ms", utc=True)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise MalformedAnswerError("an answer has a bar that cannot be read") from error
    return bar_frame(closes, dict(zip(_NAMES, values.T, strict=True)))


def _values(rows: Sequence[Row]) -> npt.NDArray[np.float64]:
    """Return what rows say, shape (rows, names); NaN for what one lacks."""
    keys = tuple(_NAMES.values())
    try:
        return np.array(list(map(itemgetter(*keys), rows)), dtype="float64")
    except LookupError:
        return np.array([[row.get(key) for key in keys] for row in rows], dtype="float64")


def days_of_rows(rows: Sequence[Row]) -> frozenset[date]:
    """Return the days, UTC, on which anything was traded by rows of whole days."""
    try:
        traded = [row["t"] / 1000 for row in rows if row.get("v")]
        return frozenset(datetime.fromtimestamp(second, UTC).date() for second in traded)
    except (LookupError, TypeError, ValueError, OverflowError, OSError) as error:
        raise MalformedAnswerError("an answer has a day that cannot be read") from error


def whole_days(start: datetime, end: datetime) -> list[date]:
    """Return the days, UTC, that lie wholly between two moments."""
    midnight = start.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first = midnight if midnight >= start else midnight + timedelta(days=1)
    return [(first + timedelta(days=n)).date() for n in range((end - first).days)]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
