"""Bars and trades as the stream's events, and everything that can be wrong with one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from market_sim.faults import Fault, FaultName, FaultSwitch, Where
from market_sim.market import SimBar, SimMarket
from market_sim.polygon_pages import ms

Event = dict[str, Any]

EVENT_OF = {1: "XAS", 60: "XA"}
"""The event that carries bars of so many seconds."""
_LATE_STEPS, _REVISED_STEPS = 1, 3
_FUTURE_S, _ANCIENT_S = 86_400.0, 3650 * 86_400.0
_SPIKE = 2.0
_OFF_MS = 137


@dataclass(frozen=True, slots=True)
class Telling:
    """An event for those who subscribed to `kind` of `symbol`, such as XAS of BTC-USD."""

    kind: str
    symbol: str
    body: Event


@dataclass(frozen=True, slots=True)
class _Later:
    """What is told at the end of a later step; a revision says what was true of `corrects`."""

    step: int
    telling: Telling
    corrects: datetime | None = None


class BarEvents:
    """Tells the bars of a market, step by step.

    `early` and `unfinished` keep what was told of bars before what is true, by symbol and start.
    """

    def __init__(self, market: SimMarket, faults: FaultSwitch) -> None:
        self.early: dict[tuple[str, datetime], SimBar] = {}
        self.unfinished: dict[tuple[str, datetime], SimBar] = {}
        self.market = market
        self._faults = faults
        self._kind = EVENT_OF[market.bar_seconds]
        self._later: list[_Later] = []
        self._wrong: dict[FaultName, _Wrong] = {
            FaultName.STREAM_DUPLICATE_BAR: self._duplicate,
            FaultName.STREAM_LATE_BAR: self._late,
            FaultName.STREAM_REVISED_BAR: self._revised,
            FaultName.STREAM_UNFINISHED_BAR: self._unfinished,
            FaultName.STREAM_FUTURE_BAR: self._future,
            FaultName.STREAM_ANCIENT_BAR: self._ancient,
            FaultName.STREAM_LOST_BAR: lambda *_: [],
            FaultName.STREAM_UNKNOWN_EVENT: self._unknown,
            **{name: self._spoiling(change) for name, change in _SPOILT.items()},
        }

    def due(self, step: int) -> list[Telling]:
        """Return what was held back until this step; what was revised is true from now on."""
        now = [later for later in self._later if later.step <= step]
        self._later = [later for later in self._later if later.step > step]
        for later in now:
            if later.corrects is not None:
                self.market.correct(later.telling.symbol, later.corrects)
        return [later.telling for later in now]

    def bars(self, step: int) -> list[Telling]:
        """Return the bars of a step, each wrong in at most one way."""
        found = (self.market.bar(symbol, step) for symbol in self.market.symbols)
        names = [name for name in self._wrong if name in self._faults.names]
        return [t for bar in found if bar is not None for t in self._tell(bar, step, names)]

    def trades(self, step: int) -> Iterator[Telling]:
        """Yield a trade for each bar of a step."""
        for symbol in self.market.symbols:
            bar = self.market.bar(symbol, step)
            if bar is not None:
                yield Telling("XT", symbol, trade_event(bar, self.market.bar_seconds))

    def hold(self, tellings: list[Telling], until_step: int) -> None:
        """Tell these at the end of a later step, after its own."""
        self._later += [_Later(until_step, telling) for telling in tellings]

    def _tell(self, bar: SimBar, step: int, names: list[FaultName]) -> list[Telling]:
        for name in names:
            fault = self._faults.struck(name, Where(symbol=bar.symbol))
            if fault is not None:
                return self._wrong[name](bar, step, fault)
        return [self._of(bar)]

    def _of(self, bar: SimBar) -> Telling:
        return Telling(self._kind, bar.symbol, bar_event(bar, self.market.bar_seconds))

    def _duplicate(self, bar: SimBar, _step: int, _fault: Fault) -> list[Telling]:
        return [self._of(bar)] * 2

    def _late(self, bar: SimBar, step: int, fault: Fault) -> list[Telling]:
        self.hold([self._of(bar)], step + int(fault.amount or _LATE_STEPS))
        return []

    def _revised(self, bar: SimBar, step: int, fault: Fault) -> list[Telling]:
        """Tell what was known early, and the truth some steps later."""
        early = replace(bar, close=(bar.open + bar.close) / 2, volume=bar.volume * 0.9)
        self.market.tell_first(early)
        self.early[bar.symbol, bar.start] = early
        due = step + int(fault.amount or _REVISED_STEPS)
        self._later.append(_Later(due, self._of(bar), corrects=bar.start))
        return [self._of(early)]

    def _unfinished(self, bar: SimBar, step: int, _fault: Fault) -> list[Telling]:
        """Tell the next bar, too, as it will be when half of it is over."""
        half = timedelta(seconds=self.market.bar_seconds / 2)
        begun = self.market.unfinished_bar(bar.symbol, self.market.start_of(step + 1) + half)
        if begun is None:
            return [self._of(bar)]
        self.unfinished[begun.symbol, begun.start] = begun
        return [self._of(bar), self._of(begun)]

    def _future(self, bar: SimBar, _step: int, fault: Fault) -> list[Telling]:
        return [self._of(bar), self._of(_moved(bar, fault.amount or _FUTURE_S))]

    def _ancient(self, bar: SimBar, _step: int, fault: Fault) -> list[Telling]:
        return [self._of(bar), self._of(_moved(bar, -(fault.amount or _ANCIENT_S)))]

    def _unknown(self, bar: SimBar, _step: int, _fault: Fault) -> list[Telling]:
        odd = {"ev": "ZZ", "pair": bar.symbol, "s": ms(bar.start), "x": [1, {"y": None}]}
        return [self._of(bar), Telling(self._kind, bar.symbol, odd)]

    def _spoiling(self, change: Callable[[Event, Fault], Event]) -> "_Wrong":
        def spoil(bar: SimBar, _step: int, fault: Fault) -> list[Telling]:
            telling = self._of(bar)
            return [replace(telling, body=change(telling.body, fault))]

        return spoil


_Wrong = Callable[[SimBar, int, Fault], list[Telling]]


def bar_event(bar: SimBar, bar_seconds: int) -> Event:
    """Return a bar as XA or XAS: `s` is its start in ms, `z` the size of its average trade."""
    return {
        "ev": EVENT_OF[bar_seconds],
        "pair": bar.symbol,
        "o": bar.open,
        "c": bar.close,
        "h": bar.high,
        "l": bar.low,
        "v": bar.volume,
        "vw": bar.vwap,
        "z": int(bar.volume / bar.transactions),
        "s": ms(bar.start),
        "e": ms(bar.start) + bar_seconds * 1000,
    }


def trade_event(bar: SimBar, bar_seconds: int) -> Event:
    """Return the last trade of a bar as XT."""
    end_ms = ms(bar.start) + bar_seconds * 1000 - 1
    return {
        "ev": "XT",
        "pair": bar.symbol,
        "p": bar.close,
        "t": end_ms,
        "s": bar.volume / bar.transactions,
        "c": [1],
        "i": str(end_ms),
        "x": 1,
        "r": end_ms,
    }


def _moved(bar: SimBar, seconds: float) -> SimBar:
    """Return a bar of another time, with prices that were never paid."""
    start = bar.start + timedelta(seconds=seconds)
    prices = {name: getattr(bar, name) * 1.01 for name in ("open", "high", "low", "close")}
    return replace(bar, start=start, **prices)


def _without_its_name(event: Event, _fault: Fault) -> Event:
    return {name: value for name, value in event.items() if name != "ev"}


def _spiked(event: Event, fault: Fault) -> Event:
    factor = 1 + (_SPIKE if fault.amount is None else fault.amount)
    return event | {name: event[name] * factor for name in ("o", "h", "l", "c", "vw")}


_SPOILT: dict[FaultName, Callable[[Event, Fault], Event]] = {
    FaultName.STREAM_MISSING_EVENT: _without_its_name,
    FaultName.STREAM_NAN_BAR: lambda event, _: event | {"c": float("nan")},
    FaultName.STREAM_NULL_BAR: lambda event, _: event | {"c": None},
    FaultName.STREAM_ZERO_BAR: lambda event, _: event | dict.fromkeys("ohlc", 0.0),
    FaultName.STREAM_NEGATIVE_BAR: lambda event, _: event | {"l": -event["l"]},
    FaultName.STREAM_INCONSISTENT_BAR: lambda event, _: event | {"h": event["l"] * 0.99},
    FaultName.STREAM_SPIKED_BAR: _spiked,
    FaultName.STREAM_MISALIGNED_BAR: lambda event, _: event | {"s": event["s"] + _OFF_MS},
}
