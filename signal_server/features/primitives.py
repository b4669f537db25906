"""Arrays of bars, and the primitives over them that each engine has in its own way."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from signal_server.features.windows import Array, ratio

if TYPE_CHECKING:
    from signal_server.features.feature import Feature


class Series:
    """An array with a name: primitives take it by that name, and it is computed once."""

    def __init__(self, compute: Callable[[Any], Array]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, of: "Primitives", owner: type) -> Array:
        return of.once(self._name, lambda: self._compute(of))


class Primitives(ABC):
    """Arrays and primitives over final bars; every value at t uses bars up to t alone.

    Arrays are float64, NaN until enough bars are there: one value a bar in the batch engine, one
    value a symbol in the live engine.
    """

    def __init__(self) -> None:
        self._cache: dict[object, Array] = {}
        self._defined: dict[str, Callable[[Any], Array]] = {}

    def once(self, key: object, compute: Callable[[], Array]) -> Array:
        """Return what was computed under this key, computing it the first time."""
        found = self._cache.get(key)
        if found is None:
            found = self._cache[key] = compute()
        return found

    def define(self, name: str, compute: Callable[[Any], Array]) -> str:
        """Give an array a name, so that primitives can take it; return the name."""
        self._defined[name] = compute
        return name

    def named(self, name: str) -> Array:
        """Return the array called `name`: one of those below, or one that was defined."""
        if name in self._defined:
            return self.once(name, lambda: self._defined[name](self))
        found: Array = getattr(self, name)
        return found

    @abstractmethod
    def column(self, name: str) -> Array:
        """Return the bars' column `name`."""

    @abstractmethod
    def before(self, name: str, bars: int) -> Array:
        """Return the value that the array called `name` had `bars` earlier."""

    @abstractmethod
    def total(self, name: str, length: int) -> Array:
        """Return the sum of the array called `name` over the last `length` bars."""

    @abstractmethod
    def maximum(self, name: str, length: int) -> Array:
        """Return the largest value of the array called `name` over the last `length` bars."""

    @abstractmethod
    def deviation(self, name: str, length: int, freedom: int = 1) -> Array:
        """Return the rolling standard deviation, exactly 0 if all are equal.

        Divides by `length - freedom`.
        """

    @abstractmethod
    def average(self, name: str, span: int) -> Array:
        """Return the exponential moving average, whose newest weight is 2 / (span + 1)."""

    @abstractmethod
    def value(self, feature: "Feature") -> Array:
        """Return the feature, NaN within its warm-up."""

    @abstractmethod
    def leader(self, symbol: str, feature: "Feature") -> Array:
        """Return the feature of the other symbol's bar with the same close; NaN if it has none."""

    @abstractmethod
    def candles(self, minutes: int, feature: "Feature") -> Array:
        """Return the feature of the newest finished candle of so many minutes by the clock."""

    @abstractmethod
    def phase(self, period_s: int, start_s: int = 0) -> Array:
        """Return how far the close is into its period of the clock, UTC, 0 to 1."""

    @Series
    def open(self) -> Array:
        """Price of the bar's first trade."""
        return self.column("open")

    @Series
    def high(self) -> Array:
        """Highest price in the bar."""
        return self.column("high")

    @Series
    def low(self) -> Array:
        """Lowest price in the bar."""
        return self.column("low")

    @Series
    def close(self) -> Array:
        """Price of the bar's last trade."""
        return self.column("close")

    @Series
    def volume(self) -> Array:
        """Volume in base units."""
        return self.column("volume")

    @Series
    def transactions(self) -> Array:
        """Trade count, NaN where the source has none."""
        return self.column("transactions")

    @Series
    def change(self) -> Array:
        """Change of the close over the bar before, in price units."""
        return self.close - self.before("close", 1)

    @Series
    def gain(self) -> Array:
        """Rise of the close over the bar before, 0 where it fell."""
        return np.maximum(self.change, 0.0)

    @Series
    def loss(self) -> Array:
        """Fall of the close under the bar before, 0 where it rose."""
        return np.maximum(-self.change, 0.0)

    @Series
    def distance(self) -> Array:
        """Change of the close over the bar before, without its sign."""
        return np.abs(self.change)

    @Series
    def log_return(self) -> Array:
        """Log return of each bar's close over the bar before."""
        return np.log(self.close / self.before("close", 1))

    @Series
    def squared_return(self) -> Array:
        """Square of the log return."""
        return self.log_return**2

    @Series
    def spread(self) -> Array:
        """High minus low."""
        return self.high - self.low

    @Series
    def depth(self) -> Array:
        """Low with its sign turned, so that its maximum is the lowest low."""
        return -self.low

    @Series
    def true_range(self) -> Array:
        """Wilder's true range."""
        earlier = self.before("close", 1)
        reach: Array = np.maximum(self.high, earlier) - np.minimum(self.low, earlier)
        return reach

    @Series
    def turnover(self) -> Array:
        """Volume in quote units, at the close."""
        return self.close * self.volume

    @Series
    def signed_volume(self) -> Array:
        """Volume, negative where the close fell, zero where it stood still."""
        signed: Array = self.volume * np.sign(self.change)
        return signed

    @Series
    def trade_size(self) -> Array:
        """Mean size of a trade in the bar; 0 in a bar without trades."""
        return ratio(self.volume, self.transactions, 0.0)
