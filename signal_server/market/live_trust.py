"""From when to when a connection can be trusted to have sent each symbol's bars.

Vendors send no bar for an interval without trades, so a bar that did not come is no hole while the
connection was up and went on to later bars. What lies outside of that is told as spans to ask for.
"""

from dataclasses import dataclass
from math import ceil

from signal_server.market.spans import Span, Spans

DISORDER_S = 5.0
"""Bars may come in another order than they closed, so much apart."""


@dataclass(slots=True)
class _Symbol:
    """`until` is the bar up to which all is known or asked for; `since` is set while trusted."""

    until: int | None
    since: int | None
    vouched: Spans


class StreamTrust:
    """What the stream vouches for, by symbol, in numbers of bars (see `spans`)."""

    def __init__(self, last: dict[str, int | None], bar_seconds: int) -> None:
        """Begin without a connection, after each symbol's `last` stored bar."""
        self.disorder_bars = ceil(DISORDER_S / bar_seconds)
        self._symbols = {name: _Symbol(number, None, Spans()) for name, number in last.items()}
        self.proof: int | None = None
        """The newest bar of any symbol that has come by the present connection."""

    def is_trusted(self, symbol: str) -> bool:
        """Tell whether the present connection is subscribed to the symbol."""
        return self._symbols[symbol].since is not None

    @property
    def trusted(self) -> list[str]:
        """The symbols that the present connection is subscribed to."""
        return [name for name, one in self._symbols.items() if one.since is not None]

    def begin(self, symbol: str, now: int) -> Span | None:
        """Trust the connection from the bar `now` on; return what was missed before."""
        one = self._symbols[symbol]
        if one.since is not None:
            return None
        missed = None if one.until is None else (one.until, now)
        one.since = one.until = now if one.until is None else max(now, one.until)
        if self.proof is None:
            self.proof = now
        return missed if missed and missed[0] < missed[1] else None

    def advance(self, number: int) -> Span | None:
        """Note that a bar came; return the bars before it that no symbol had, if any."""
        if self.proof is None or number <= self.proof:
            return None
        silent = (self.proof, number - 1)
        self.proof = number
        return silent if silent[0] < silent[1] else None

    def end(self) -> None:
        """Trust the connection no longer; its newest bars may have been on their way."""
        for one in self._symbols.values():
            if one.since is not None:
                self._vouch(one, self._settled(one.since))
                one.until, one.since = self._settled(one.since), None
        self.proof = None

    def missed_until(self, symbol: str, now: int) -> Span | None:
        """Return what is missed while nothing is trusted, each bar once."""
        one = self._symbols[symbol]
        if one.since is not None or one.until is None or one.until >= now:
            return None
        missed = (one.until, now)
        one.until = now
        return missed

    def vouched(self, symbol: str, unknown: Spans) -> list[Span]:
        """Return what the stream has vouched for since the last call, but for what is unknown."""
        one = self._symbols[symbol]
        if one.since is not None:
            settled = self._settled(one.since)
            self._vouch(one, settled)
            one.since = max(one.since, settled - 1)
        told = one.vouched.minus(unknown)
        one.vouched = one.vouched.minus(told)
        return list(told)

    def _settled(self, since: int) -> int:
        proof = since if self.proof is None else self.proof
        return max(since, proof - self.disorder_bars)

    def _vouch(self, one: _Symbol, until: int) -> None:
        # The bar under way when trust began was not heard from its start.
        if one.since is not None:
            one.vouched.add((one.since + 1, until))
