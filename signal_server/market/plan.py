"""What a backfill has to ask for: the parts of a period that nobody has fetched yet."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from signal_server.market.coverage import Coverage, Interval
from signal_server.market.pieces import last_close_before, pieces_of
from signal_server.market.store import BarStore

CLOCK_MARGIN = timedelta(seconds=5)
"""How far this computer's clock may be ahead of the vendor's; a bar must be over for both."""
DEFAULT_SPAN = timedelta(days=730)
"""How far back a symbol is fetched of which nothing is held: what the smallest plan serves."""


@dataclass(frozen=True, slots=True)
class BackfillRequest:
    """Which symbols, and from when to when (tz-aware UTC).

    Without a start it is the oldest bar held, or `DEFAULT_SPAN` ago if there is none.
    """

    symbols: tuple[str, ...]
    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """The requests of a symbol; nothing before `floor` is asked for."""

    symbol: str
    floor: datetime
    pieces: tuple[Interval, ...]

    @property
    def period(self) -> Interval:
        """From the first request's start to the last one's end."""
        return self.pieces[0][0], self.pieces[-1][1]


def plan_of(store: BarStore, symbol: str, request: BackfillRequest, now: datetime) -> Plan:
    """Find out what is missing of a symbol."""
    end = min(request.end, last_close_before(now - CLOCK_MARGIN, store.bar_seconds))
    start = request.start or _oldest(store, symbol) or end - DEFAULT_SPAN
    coverage = Coverage.of(store.folder, symbol)
    missing = coverage.missing((start, end), now=now) if start < end else []
    pieces = [piece for part in missing for piece in pieces_of(part, store.bar_seconds)]
    floor = min([start, *(record.start for record in coverage.records(now))])
    return Plan(symbol, floor, tuple(pieces))


def _oldest(store: BarStore, symbol: str) -> datetime | None:
    first = store.first_close(symbol)
    return None if first is None else first - timedelta(seconds=store.bar_seconds)
