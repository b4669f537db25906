"""Indicators of one bar frame, each computed once however many features use it."""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandas_ta as ta

from signal_server.core.errors import NoHistoryError
from signal_server.features.candles import candles_of, finished_at
from signal_server.features.windows import (
    Array,
    before,
    ratio,
    rolling_deviation,
    rolling_max,
    rolling_mean,
    rolling_min,
    rolling_sum,
)

if TYPE_CHECKING:
    from signal_server.features.feature import Feature

NO_LEADERS: Mapping[str, pd.DataFrame] = MappingProxyType({})

_NEGLIGIBLE = 1e-9
"""A move of this share of the price is none: moves that differ by less are equal, and averages
of moves are taken to be no smaller. Where the market stands still, both sides of a ratio of such
averages fade alike, and the ratio would remember for ever what was before its warm-up; so would
TA-Lib's, until it falls to 0, which reads as utterly oversold."""

_EMA_DECAY = 28
"""exp(-28) is 7e-13: what an average's start may weigh after its warm-up."""

_WILDER_DECAY = 40
"""exp(-40) is 4e-18: the same beside averages that have themselves fallen to the negligible."""

_TWICE_DECAY = 5
"""What smoothing twice adds: n exp(-n) is under exp(-40) from n = 45 on."""


def ema_warmup_bars(length: int) -> int:
    """Return after how many bars an EMA has forgotten where it started."""
    return length + _EMA_DECAY * (length + 1) // 2


def wilder_warmup_bars(length: int, *, twice: bool = False) -> int:
    """Return after how many bars Wilder's smoothing, or it done twice, has forgotten its start."""
    again = length * (1 + _TWICE_DECAY) if twice else 0
    return length + _WILDER_DECAY * length + again


class Indicators:
    """Indicators over one symbol's final bars; every value at t uses bars up to t alone.

    Arrays are float64 and as long as the bars, NaN until enough bars are there.
    """

    def __init__(
        self, bars: pd.DataFrame, leaders: Mapping[str, pd.DataFrame] = NO_LEADERS
    ) -> None:
        """Take one symbol's bars, and those of the symbols that it is compared with."""
        self._bars = bars
        self._leaders = leaders
        self._others: dict[object, Indicators] = {}
        self._cache: dict[tuple[object, ...], Array] = {}

    @cached_property
    def open(self) -> Array:
        """Price of the bar's first trade."""
        return self._column("open")

    @cached_property
    def high(self) -> Array:
        """Highest price in the bar."""
        return self._column("high")

    @cached_property
    def low(self) -> Array:
        """Lowest price in the bar."""
        return self._column("low")

    @cached_property
    def close(self) -> Array:
        """Price of the bar's last trade."""
        return self._column("close")

    @cached_property
    def volume(self) -> Array:
        """Volume in base units."""
        return self._column("volume")

    @cached_property
    def transactions(self) -> Array:
        """Number of trades, NaN where the source has none."""
        return self._column("transactions")

    @cached_property
    def log_return(self) -> Array:
        """Log return of each bar's close over the bar before."""
        return np.log(self.close / before(self.close, 1))

    @cached_property
    def gain(self) -> Array:
        """Rise of the close over the bar before, 0 where it fell."""
        return np.maximum(self._change, 0.0)

    @cached_property
    def distance(self) -> Array:
        """Change of the close over the bar before, without its sign."""
        return np.abs(self._change)

    @cached_property
    def spread(self) -> Array:
        """High minus low."""
        return self.high - self.low

    @cached_property
    def true_range(self) -> Array:
        """Wilder's true range."""
        earlier = before(self.close, 1)
        reach: Array = np.maximum(self.high, earlier) - np.minimum(self.low, earlier)
        return reach

    @cached_property
    def turnover(self) -> Array:
        """Volume in quote units, at the close."""
        return self.close * self.volume

    @cached_property
    def signed_volume(self) -> Array:
        """Volume, negative where the close fell, zero where it stood still."""
        signed: Array = self.volume * np.sign(self._change)
        return signed

    @cached_property
    def trade_size(self) -> Array:
        """Mean size of a trade in the bar; 0 in a bar without trades."""
        return ratio(self.volume, self.transactions, 0.0)

    @cached_property
    def negligible(self) -> Array:
        """A move too small to count, in price units."""
        return _NEGLIGIBLE * self.close

    def value(self, feature: "Feature") -> Array:
        """Return the feature, NaN within its warm-up."""

        def compute() -> Array:
            column = np.full(len(self._bars), np.nan)
            warm = slice(feature.warmup_bars - 1, None)
            column[warm] = feature.compute(self)[warm]
            return column

        return self._once(("value", feature.name), compute)

    def leader(self, symbol: str, feature: "Feature") -> Array:
        """Return the feature of the other symbol's bar with the same close; NaN if it has none."""
        if symbol not in self._leaders:
            raise NoHistoryError(f"{feature.name} of {symbol} is needed; give the bars of {symbol}")
        bars = self._leaders[symbol]
        other = self._others.setdefault(symbol, Indicators(bars))
        found = bars.index.get_indexer(self._bars.index)
        values = np.append(other.value(feature), np.nan)
        return values[found]

    def candles(self, minutes: int, feature: "Feature") -> Array:
        """Return the feature of the newest finished candle of so many minutes by the clock."""
        key = ("candles", minutes)
        if key not in self._others:
            self._others[key] = Indicators(candles_of(self._bars, minutes))
        values = np.append(np.nan, self._others[key].value(feature))
        return values[finished_at(pd.DatetimeIndex(self._bars.index), minutes) + 1]

    def phase(self, period_s: int, start_s: int = 0) -> Array:
        """Return how far the close is into its period of the clock, UTC, 0 to 1."""
        seconds = pd.DatetimeIndex(self._bars.index).as_unit("ns").asi8 / 1e9
        return (seconds - start_s) % period_s / period_s

    def ema(self, length: int) -> Array:
        """Return the exponential moving average of the close."""
        return self._once(("ema", length), lambda: self._array(ta.ema(self._prices[2], length)))

    def sma(self, name: str, length: int) -> Array:
        """Return the simple moving average of the array called `name`."""
        return self._rolling(rolling_mean, name, length)

    def total(self, name: str, length: int) -> Array:
        """Return the rolling sum of the array called `name`."""
        return self._rolling(rolling_sum, name, length)

    def deviation(self, name: str, length: int) -> Array:
        """Return the rolling sample standard deviation of the array called `name`."""
        return self._rolling(rolling_deviation, name, length)

    def highest(self, length: int) -> Array:
        """Return the highest high of the last `length` bars."""
        return self._rolling(rolling_max, "high", length)

    def lowest(self, length: int) -> Array:
        """Return the lowest low of the last `length` bars."""
        return self._rolling(rolling_min, "low", length)

    def volatility(self, length: int) -> Array:
        """Return the standard deviation of one-bar log returns over the last `length` bars."""
        return self.deviation("log_return", length)

    def roc(self, length: int) -> Array:
        """Return the rate of change over `length` bars, in per cent."""
        return self._once(("roc", length), lambda: self._array(ta.roc(self._prices[2], length)))

    def atr(self, length: int) -> Array:
        """Return Wilder's average true range in price units, never below the negligible."""

        def compute() -> Array:
            return self._array(ta.atr(*self._prices, length)) + self.negligible

        return self._once(("atr", length), compute)

    def rsi(self, length: int) -> Array:
        """Return Wilder's relative strength index, 0 to 100; 50 where nothing moves."""

        def compute() -> Array:
            gain = self._wilder(np.maximum(self._change, 0.0), length)
            loss = self._wilder(np.maximum(-self._change, 0.0), length)
            return 100 * (gain + self.negligible / 2) / (gain + loss + self.negligible)

        return self._once(("rsi", length), compute)

    def macd(self, part: int) -> Array:
        """Return MACD 12/26/9 in price units; its parts: 0 line, 1 histogram, 2 signal."""
        found = self._macd
        return self._array(None if found is None else found.iloc[:, part])

    def directional_index(self, sign: int) -> Array:
        """Return Wilder's directional index over 14 bars, 0 to 100: +1 upward, -1 downward."""
        return 100 * self._directional_moves(sign) / self.atr(14)

    def adx(self) -> Array:
        """Return Wilder's average directional movement over 14 bars, 0 to 100."""
        plus, minus = self._directional_moves(1), self._directional_moves(-1)
        strength = np.abs(plus - minus) / (plus + minus + self.negligible)
        return 100 * self._wilder(strength, 14)

    def stochastic(self, smoothing: int) -> Array:
        """Return the slow stochastic 14/3/3, 0 to 100: k when smoothed once, d when twice."""
        if smoothing:
            smooth = ("stochastic", smoothing)
            return self._once(smooth, lambda: rolling_mean(self.stochastic(smoothing - 1), 3))
        return 100 * self.range_position(14)

    def range_position(self, length: int) -> Array:
        """Return the close within the range of `length` bars: 0 lowest, 1 highest, 0.5 if none."""
        lowest = self.lowest(length)
        return ratio(self.close - lowest, self.highest(length) - lowest, 0.5)

    def rising_share(self, length: int) -> Array:
        """Return the rises over `length` bars as a share of all moves, 0 to 100; 50 if none."""
        return 100 * ratio(self.total("gain", length), self.total("distance", length), 0.5)

    def bollinger_deviation(self) -> Array:
        """Return the standard deviation of 20 closes as Bollinger's bands take it."""
        return self._once(("bollinger",), lambda: rolling_deviation(self.close, 20, freedom=0))

    @cached_property
    def _change(self) -> Array:
        return self.close - before(self.close, 1)

    @cached_property
    def _macd(self) -> pd.DataFrame | None:
        found: pd.DataFrame | None = ta.macd(self._prices[2])
        return found

    @cached_property
    def _prices(self) -> tuple[pd.Series, pd.Series, pd.Series]:
        """High, low and close as pandas-ta takes them."""
        return pd.Series(self.high), pd.Series(self.low), pd.Series(self.close)

    def _directional_moves(self, sign: int) -> Array:
        # pandas-ta decides a tie between the two moves by rounding errors; here a tie is a tie.
        def compute() -> Array:
            up, down = self.high - before(self.high, 1), before(self.low, 1) - self.low
            move, other = (up, down) if sign > 0 else (down, up)
            counts = (move - other > self.negligible) & (move > self.negligible)
            return self._wilder(np.where(counts | np.isnan(move), move, 0.0), 14)

        return self._once(("moves", sign), compute)

    def _wilder(self, values: Array, length: int) -> Array:
        return self._array(ta.rma(pd.Series(values), length))

    def _column(self, name: str) -> Array:
        return self._bars[name].to_numpy(dtype="float64")

    def _array(self, found: pd.Series | None) -> Array:
        # pandas-ta returns None instead of NaN when there are too few bars.
        if found is None:
            return np.full(len(self._bars), np.nan)
        return found.to_numpy(dtype="float64")

    def _rolling(self, over: Callable[[Array, int], Array], name: str, length: int) -> Array:
        key = (over.__name__, name, length)
        return self._once(key, lambda: over(getattr(self, name), length))

    def _once(self, key: tuple[object, ...], compute: Callable[[], Array]) -> Array:
        if key not in self._cache:
            self._cache[key] = compute()
        return self._cache[key]
