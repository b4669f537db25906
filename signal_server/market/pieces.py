"""Cutting a period into pieces of one request each."""

from datetime import UTC, datetime, timedelta

from signal_server.market.coverage import Interval

PIECES: dict[int, timedelta | None] = {60: None, 1: timedelta(hours=12)}
"""How long a request may be by the length of a bar: one page. None is a calendar month."""
SHORT_BARS = 10
"""A rest of so few bars goes with what is before it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def pieces_of(period: Interval, bar_seconds: int) -> list[Interval]:
    """Cut (start, end] of close times where months or other pieces end, in order.

    A month's last bar closes before midnight: the one that closes at midnight is the next
    month's, as in the store.
    """
    length = timedelta(seconds=bar_seconds)
    pieces = []
    at = period[0].astimezone(UTC)
    while at < period[1]:
        until = min(_next_edge(at + length, PIECES[bar_seconds]) - length, period[1])
        if period[1] - until <= SHORT_BARS * length:
            until = period[1]
        pieces.append((at, until))
        at = until
    return pieces


def last_close_before(moment: datetime, bar_seconds: int) -> datetime:
    """Return the close of the newest bar that is over at `moment`."""
    seconds = int(moment.timestamp()) // bar_seconds * bar_seconds
    return datetime.fromtimestamp(seconds, UTC)


def _next_edge(moment: datetime, span: timedelta | None) -> datetime:
    """Return the first end of a piece after `moment`."""
    if span is not None:
        return EPOCH + ((moment - EPOCH) // span + 1) * span
    month = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (month + timedelta(days=32)).replace(day=1)
