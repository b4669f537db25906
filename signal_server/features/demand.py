"""What a set of features asks of an engine: found by letting them compute over nothing.

That is sound because a feature's function takes the same steps whatever the values are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, override

import numpy as np

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

if TYPE_CHECKING:
    from signal_server.features.feature import Feature


@dataclass(slots=True)
class Demand:
    """What is asked of one array; `stage` counts the primitives that it is made of itself."""

    name: str
    stage: int
    lags: set[int] = field(default_factory=set)
    totals: set[int] = field(default_factory=set)
    maxima: set[int] = field(default_factory=set)
    deviations: set[int] = field(default_factory=set)
    spans: set[int] = field(default_factory=set)

    @property
    def history_bars(self) -> int:
        """How many bars of the array itself must be kept, the newest included."""
        return max([*(lag + 1 for lag in self.lags), *self.deviations], default=0)


class Demands(Indicators):
    """An engine that computes nothing and writes down what it is asked for."""

    def __init__(self, features: Sequence["Feature"]) -> None:
        """Ask on behalf of `features`."""
        super().__init__()
        self.by_name: dict[str, Demand] = {}
        self.by_candle: dict[int, dict[str, Feature]] = {}
        self.by_leader: dict[str, dict[str, Feature]] = {}
        self._stage = 0
        self._inside: list[str] = []
        with np.errstate(all="ignore"):
            for feature in features:
                self.value(feature)

    @property
    def definitions(self) -> dict[str, Callable[[Any], Array]]:
        """The arrays that the features define."""
        return self._defined

    @override
    def once(self, key: object, compute: Callable[[], Array]) -> Array:
        """Compute again each time, so that everything that is asked on the way is seen."""
        return compute()

    @override
    def column(self, name: str) -> Array:
        """Return nothing."""
        return np.full(1, np.nan)

    @override
    def before(self, name: str, bars: int) -> Array:
        """Ask for an earlier value."""
        self._demand(name).lags.add(bars)
        return np.full(1, np.nan)

    @override
    def total(self, name: str, length: int) -> Array:
        """Ask for a sum."""
        self._demand(name).totals.add(length)
        return np.full(1, np.nan)

    @override
    def maximum(self, name: str, length: int) -> Array:
        """Ask for a maximum."""
        self._demand(name).maxima.add(length)
        return np.full(1, np.nan)

    @override
    def deviation(self, name: str, length: int, freedom: int = 1) -> Array:
        """Ask for a deviation."""
        self._demand(name).deviations.add(length)
        return np.full(1, np.nan)

    @override
    def average(self, name: str, span: int) -> Array:
        """Ask for an exponential average."""
        self._demand(name).spans.add(span)
        return np.full(1, np.nan)

    @override
    def value(self, feature: "Feature") -> Array:
        """Ask for what the feature asks for."""
        return feature.compute(self)

    @override
    def leader(self, symbol: str, feature: "Feature") -> Array:
        """Ask for the leader; refuse it inside of a window, where its bars may be missing."""
        if self._inside:
            raise SchemaMismatchError(
                f"{self._inside[-1]} takes a window over {symbol}; take the window over its own "
                "bars, in a feature of its own"
            )
        self.by_leader.setdefault(symbol, {})[feature.name] = feature
        return self.value(feature)

    @override
    def candles(self, minutes: int, feature: "Feature") -> Array:
        """Ask for the feature of candles."""
        self.by_candle.setdefault(minutes, {})[feature.name] = feature
        return np.full(1, np.nan)

    @override
    def phase(self, period_s: int, start_s: int = 0) -> Array:
        """Ask for nothing: the clock is there."""
        return np.full(1, np.nan)

    def _demand(self, name: str) -> Demand:
        if name not in self.by_name:
            outer, self._stage = self._stage, 0
            self._inside.append(name)
            self.named(name)
            self._inside.pop()
            self.by_name[name] = Demand(name, self._stage)
            self._stage = outer
        demand = self.by_name[name]
        self._stage = max(self._stage, demand.stage + 1)
        return demand
