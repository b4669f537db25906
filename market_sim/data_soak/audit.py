"""Whether what was delivered and stored is what the market did: each bar once, as it was."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

from market_sim.data_soak.diary import VALUES, Delivered
from market_sim.market import SimBar
from market_sim.polygon_events import BarEvents
from market_sim.polygon_pages import ms

Values = tuple[float, ...]
Bars = Mapping[int, Values]
"""Values by close in ms."""

_EARLY_MS = 1.0
"""Two readings of a clock may differ so much by rounding."""


class Truth:
    """The market's bars, and what the stream said of some of them before it said what is true.

    An unfinished bar that came only after its end, by the fault of a busy computer, cannot be told
    from a final one: it counts as told early.
    """

    def __init__(self, events: BarEvents) -> None:
        market = events.market
        self.length_ms = market.bar_seconds * 1000
        self.symbols = market.symbols
        self._events = events
        self._excused: set[tuple[str, int]] = set()
        start, end = market.start_of(0), market.ends_at
        self._bars = {
            symbol: {
                ms(bar.start) + self.length_ms: _values(bar)
                for bar in market.bars(symbol, start, end)
            }
            for symbol in market.symbols
        }

    def closes(self, symbol: str, until_ms: int) -> set[int]:
        """Return the closes of a symbol's bars up to a moment."""
        return {close for close in self._bars[symbol] if close <= until_ms}

    def fault_of(self, symbol: str, close_ms: int, values: Values) -> str | None:
        """Say what is wrong with a bar, None if a vendor ever told it so and rightly."""
        true = self._bars[symbol].get(close_ms)
        if true is None:
            return "there was no such bar"
        if values == true or values == self.early(symbol, close_ms):
            return None
        return f"it was {true}, not {values}"

    def early(self, symbol: str, close_ms: int) -> Values | None:
        """Return what was told of a bar at first, if that was something else."""
        known = self._events.early.get((symbol, self._start(close_ms)))
        if known is None and (symbol, close_ms) in self._excused:
            known = self._events.unfinished.get((symbol, self._start(close_ms)))
        return None if known is None else _values(known)

    def excuse(self, bar: Delivered) -> None:
        """Take an unfinished bar for an early one, if it came after its end."""
        told = self._events.unfinished.get((bar.symbol, self._start(bar.close_ms)))
        came_ms = bar.handed_ms - bar.waited_ms
        if told is not None and _values(told) == bar.numbers and came_ms >= bar.close_ms:
            self._excused.add((bar.symbol, bar.close_ms))

    def _start(self, close_ms: int) -> datetime:
        return datetime.fromtimestamp((close_ms - self.length_ms) / 1000, UTC)


@dataclass(slots=True)
class LifeAudit:
    """What one life of a consumer was given, bar by bar, and whether that was right.

    It began with the bars `held` in the store, by symbol; up to `given` history was fetched then.
    """

    truth: Truth
    held: Mapping[str, Bars]
    given: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    waits_ms: list[float] = field(default_factory=list)
    seen: dict[str, set[int]] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)
    _late_reader: bool = False

    def take(self, bars: Iterable[Delivered]) -> None:
        """Judge a batch."""
        for bar in bars:
            self._judge(bar)
            self._count(bar)
        self._late_reader = False

    def paused(self) -> None:
        """Note that the consumer was slow: what comes next has waited for it."""
        self._late_reader = True

    def missing(self, until_ms: int) -> dict[str, set[int]]:
        """Return by symbol the closes of bars that neither the store nor the stream has given."""
        found = {}
        for symbol in self.truth.symbols:
            given = self.given.get(symbol, 0)
            due = {close for close in self.truth.closes(symbol, until_ms) if close > given}
            lacking = due - self.seen.get(symbol, set()) - self.held[symbol].keys()
            if lacking:
                found[symbol] = lacking
        return found

    def _judge(self, bar: Delivered) -> None:
        seen = self.seen.setdefault(bar.symbol, set())
        if bar.close_ms in seen:
            self._problem(bar, "it was delivered twice")
        elif bar.close_ms in self.held[bar.symbol] or bar.close_ms <= self.given.get(bar.symbol, 0):
            self._problem(bar, "it was delivered although it was held before")
        self.truth.excuse(bar)
        wrong = self.truth.fault_of(bar.symbol, bar.close_ms, bar.numbers)
        if wrong is not None:
            self._problem(bar, wrong)
        if bar.handed_ms < bar.close_ms - _EARLY_MS:
            self._problem(bar, "it was delivered before it was over")
        newest = self._newest.get(bar.symbol, 0)
        if not bar.repaired and bar.close_ms < newest:
            self._problem(bar, "it came after a later one and was not called repaired")
        self._newest[bar.symbol] = max(newest, bar.close_ms)
        seen.add(bar.close_ms)

    def _count(self, bar: Delivered) -> None:
        self.counts["delivered"] += 1
        self.counts["delivered as repaired"] += bar.repaired
        self.counts["delivered with a flag"] += bool(bar.flags)
        if not bar.repaired and not self._late_reader:
            self.waits_ms.append(bar.waited_ms)

    def _problem(self, bar: Delivered, what: str) -> None:
        self.problems.append(f"{bar.symbol} {clock_of(bar.close_ms)}: {what}")


def missing_problems(missing: Mapping[str, set[int]], where: str) -> list[str]:
    """Say which bars are missing, one line a symbol."""
    return [
        f"{symbol}: {len(closes)} bars are missing {where}, the first {clock_of(min(closes))}"
        for symbol, closes in missing.items()
    ]


def _values(bar: SimBar) -> Values:
    return tuple(float(getattr(bar, name)) for name in VALUES)


def clock_of(close_ms: int) -> str:
    """Return the time of a close, to be read."""
    return f"{pd.Timestamp(close_ms, unit='ms'):%H:%M:%S}"
