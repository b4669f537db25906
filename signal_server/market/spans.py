"""Sets of bar numbers, kept as spans. A bar's number is its close divided by its length."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

Span = tuple[int, int]
"""The bars after the first number up to the second, which belongs to them."""


class Spans:
    """A set of numbers as few spans, in order and apart from each other."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._spans: list[Span] = []
        for span in spans:
            self.add(span)

    def __iter__(self) -> Iterator[Span]:
        return iter(self._spans)

    def __bool__(self) -> bool:
        return bool(self._spans)

    def __contains__(self, number: int) -> bool:
        return any(after < number <= last for after, last in self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def join(self) -> None:
        """Take in all that lies between the numbers."""
        if self._spans:
            self._spans = [(self._spans[0][0], self._spans[-1][1])]

    def count(self) -> int:
        """Return how many numbers there are."""
        return sum(last - after for after, last in self._spans)

    def add(self, span: Span) -> None:
        """Take numbers in; an empty span changes nothing."""
        after, last = span
        if after >= last:
            return
        apart = [one for one in self._spans if one[1] < after or one[0] > last]
        joined = [one for one in self._spans if one[1] >= after and one[0] <= last]
        whole = (min([after, *(a for a, _ in joined)]), max([last, *(b for _, b in joined)]))
        self._spans = sorted([*apart, whole])

    def remove(self, span: Span) -> None:
        """Take numbers out."""
        after, last = span
        if after >= last or not self._spans:
            return
        pieces = [
            piece
            for a, b in self._spans
            for piece in ((a, min(b, after)), (max(a, last), b))
            if piece[0] < piece[1]
        ]
        self._spans = sorted(set(pieces))

    def within(self, span: Span) -> list[Span]:
        """Return the parts of `span` that are in the set, in order."""
        after, last = span
        parts = ((max(a, after), min(b, last)) for a, b in self._spans)
        return [part for part in parts if part[0] < part[1]]

    def minus(self, others: Iterable[Span]) -> "Spans":
        """Return a new set without the numbers of `others`."""
        left = Spans(self._spans)
        for span in others:
            left.remove(span)
        return left


def number_of(close_time: datetime, bar_seconds: int) -> int:
    """Return the number of the newest bar that closed by then."""
    return int(close_time.timestamp()) // bar_seconds


def close_of(number: int, bar_seconds: int) -> datetime:
    """Return when a bar closes, tz-aware UTC."""
    return datetime.fromtimestamp(number * bar_seconds, UTC)
