"""The live engine: the newest bar of every symbol at once, one value a symbol."""

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from signal_server.features.batch import BatchIndicators
from signal_server.features.candles import BAR_ARRAYS, Seconds
from signal_server.features.demand import Demand, Demands
from signal_server.features.indicators import Indicators
from signal_server.features.rings import FIRST_NUMBER, Averages, LadderRings, Numbers, Ring
from signal_server.features.windows import Array

if TYPE_CHECKING:
    from signal_server.features.feature import Feature


@dataclass(slots=True)
class _Stage:
    """What is kept of arrays that rest on the stages before alone."""

    rings: dict[str, Ring]
    sums: LadderRings | None
    maxima: LadderRings | None
    averages: Averages | None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        kept = [part.names for part in (self.sums, self.maxima) if part]
        spans = [name for name, _ in self.averages.spans] if self.averages else []
        self.names = tuple(
            dict.fromkeys([*self.rings, *spans, *(n for part in kept for n in part)])
        )


@dataclass(slots=True)
class _Led:
    """What each symbol knows of a leader: its features (features, symbols) at the same close."""

    row: int
    features: Mapping[str, "Feature"]
    symbols: InitVar[int]
    values: Array = field(init=False)

    def __post_init__(self, symbols: int) -> None:
        self.values = np.full((len(self.features), symbols), np.nan)


class NewestIndicators(Indicators):
    """Indicators of the newest bar of each symbol; arrays are as long as the symbols.

    A symbol without bars has NaN in all of them.
    """

    def __init__(self, demands: Demands, symbols: int, leaders: Mapping[str, int]) -> None:
        """Keep what `demands` ask for; `leaders` are the rows of the leading symbols, at least."""
        super().__init__()
        self._defined = demands.definitions
        self._led = {
            symbol: _Led(leaders[symbol], features, symbols)
            for symbol, features in demands.by_leader.items()
        }
        self._candles: dict[int, Indicators] = {}
        self._columns = {name: np.full(symbols, np.nan) for name in BAR_ARRAYS}
        self.closes: Seconds = np.full(symbols, -1, dtype=np.int64)
        self._count = np.zeros(symbols, dtype=np.int64)
        self._newest = np.full(symbols, FIRST_NUMBER - 1, dtype=np.int64)
        wanted = list(demands.by_name.values())
        stages = sorted({demand.stage for demand in wanted})
        self._stages = [_stage(symbols, [d for d in wanted if d.stage == one]) for one in stages]

    def attach(self, minutes: int, candles: Indicators) -> None:
        """Take the engine of the newest finished candles of so many minutes."""
        self._candles[minutes] = candles

    def fill(self, row: int, history: BatchIndicators) -> None:
        """Forget the symbol and take its history."""
        for name, compute in self._defined.items():
            history.define(name, compute)
        self._count[row] = len(history.bars.closes)
        self._newest[row] = FIRST_NUMBER - 1
        self.closes[row] = history.bars.closes[-1] if len(history.bars.closes) else -1
        for name, column in self._columns.items():
            column[row] = history.column(name)[-1] if len(history.bars.closes) else np.nan
        for led in self._led.values():
            led.values[:, row] = np.nan
        for stage in self._stages:
            _fill(stage, row, history)

    def push(self, rows: Numbers, closes: Seconds, columns: Mapping[str, Array]) -> None:
        """Take one more bar of each of `rows`."""
        self._newest[rows] += 1
        self._count[rows] += 1
        self.closes[rows] = closes
        for name, column in self._columns.items():
            column[rows] = columns[name]
        self._cache.clear()
        with np.errstate(all="ignore"):
            for stage in self._stages:
                self._push(stage, rows)
                self._read(stage)
            for led in self._led.values():
                led.values[:, rows] = np.nan
            self._follow()

    def refresh(self) -> None:
        """Read all windows again, after histories were filled in."""
        self._cache.clear()
        with np.errstate(all="ignore"):
            for stage in self._stages:
                self._read(stage)
            self._follow()

    def column(self, name: str) -> Array:
        """Return the newest bars' column `name`."""
        return self._columns[name]

    def before(self, name: str, bars: int) -> Array:
        """Return the value `bars` before the newest."""
        ring = self._rings[name]
        return self.once(("before", name, bars), lambda: ring.before(self._newest, bars))

    def total(self, name: str, length: int) -> Array:
        """Return the sum over the last `length` bars."""
        return self._cache["total", name, length]

    def maximum(self, name: str, length: int) -> Array:
        """Return the maximum over the last `length` bars."""
        return self._cache["maximum", name, length]

    def deviation(self, name: str, length: int, freedom: int = 1) -> Array:
        """Return the standard deviation over the last `length` bars."""
        ring = self._rings[name]
        key = ("deviation", name, length, freedom)
        return self.once(key, lambda: ring.deviation(self._newest, length, freedom))

    def average(self, name: str, span: int) -> Array:
        """Return the exponential average."""
        return self._cache["average", name, span]

    def value(self, feature: "Feature") -> Array:
        """Return the feature, NaN for symbols with too few bars."""

        def compute() -> Array:
            return np.where(self._count >= feature.warmup_bars, feature.compute(self), np.nan)

        return self.once(("value", feature.name), compute)

    def leader(self, symbol: str, feature: "Feature") -> Array:
        """Return the value that the leader had when each symbol's newest bar closed."""
        led = self._led[symbol]
        found: Array = led.values[list(led.features).index(feature.name)]
        return found

    def candles(self, minutes: int, feature: "Feature") -> Array:
        """Return the feature of each symbol's newest finished candle."""
        return self._candles[minutes].value(feature)

    def phase(self, period_s: int, start_s: int = 0) -> Array:
        """Return how far each newest close is into its period."""
        return (self.closes - start_s) % period_s / period_s

    @property
    def _rings(self) -> dict[str, Ring]:
        return {name: ring for stage in self._stages for name, ring in stage.rings.items()}

    def _push(self, stage: _Stage, rows: Numbers) -> None:
        newest = self._newest[rows]
        values = {name: self.named(name)[rows] for name in stage.names}
        for name, ring in stage.rings.items():
            ring.push(rows, newest, values[name])
        for ladders in (stage.sums, stage.maxima):
            if ladders:
                stacked = np.stack([values[name] for name in ladders.names])
                ladders.push(rows, newest, stacked)
        if stage.averages:
            stage.averages.push(rows, np.stack([values[name] for name, _ in stage.averages.spans]))

    def _follow(self) -> None:
        """Tell the leaders' values to the symbols that closed with them; others keep theirs."""
        for led in self._led.values():
            together = self.closes == self.closes[led.row]
            values = [self.value(feature)[led.row] for feature in led.features.values()]
            led.values[:, together] = np.array(values)[:, None]

    def _read(self, stage: _Stage) -> None:
        for kind, ladders in (("total", stage.sums), ("maximum", stage.maxima)):
            if ladders:
                windows = zip(ladders.windows, ladders.read(self._newest), strict=True)
                self._cache.update({(kind, *window): values for window, values in windows})
        if stage.averages:
            spans = zip(stage.averages.spans, stage.averages.values, strict=True)
            self._cache.update({("average", *span): values for span, values in spans})


def _stage(symbols: int, demands: Sequence[Demand]) -> _Stage:
    totals = {d.name: sorted(d.totals) for d in demands if d.totals}
    maxima = {d.name: sorted(d.maxima) for d in demands if d.maxima}
    spans = [(d.name, span) for d in demands for span in sorted(d.spans)]
    return _Stage(
        rings={d.name: Ring(symbols, d.history_bars) for d in demands if d.history_bars},
        sums=LadderRings(np.add, symbols, totals) if totals else None,
        maxima=LadderRings(np.maximum, symbols, maxima) if maxima else None,
        averages=Averages(symbols, spans) if spans else None,
    )


def _fill(stage: _Stage, row: int, history: BatchIndicators) -> None:
    for name, ring in stage.rings.items():
        ring.fill(row, history.named(name))
    if stage.sums:
        stage.sums.fill(row, [history.named(name) for name in stage.sums.names])
    if stage.maxima:
        stage.maxima.fill(row, [history.named(name) for name in stage.maxima.names])
    if stage.averages:
        last = [history.average(name, span)[-1:] for name, span in stage.averages.spans]
        stage.averages.fill(row, [float(one[0]) if len(one) else np.nan for one in last])
