"""Indicators of one bar frame, each computed once however many features use it.

Prices and volumes are first scaled by a power of two. That is exact in floating point, so no
value changes, but prices of 1e-6 no longer fall under the thresholds below which TA-Lib takes
a number for zero.
"""

from collections.abc import Callable
from functools import cached_property
from math import frexp
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pandas_ta as ta
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from pandas.api.typing import Rolling

_SLOWEST_DECAY = 28
"""exp(-28) is 7e-13: what a recursive indicator's start may still weigh after its warm-up."""

_TIE = 1e-9
"""Moves that differ by less than this share of the price count as equal."""


def ema_warmup_bars(length: int) -> int:
    """Return after how many bars an EMA has forgotten where it started."""
    return length + _SLOWEST_DECAY * (length + 1) // 2


def wilder_warmup_bars(length: int) -> int:
    """Return after how many bars Wilder's smoothing has forgotten where it started."""
    return length + _SLOWEST_DECAY * length


def log(values: pd.Series) -> pd.Series:
    """Return natural logarithms over the same index."""
    return pd.Series(np.log(values.to_numpy()), index=values.index)


def ratio(numerator: pd.Series, denominator: pd.Series, neutral: float) -> pd.Series:
    """Divide; where the denominator is 0 the value is `neutral`, and NaN stays NaN."""
    quotient = numerator / denominator.where(denominator != 0)
    return quotient.mask((denominator == 0) & numerator.notna(), neutral)


class Indicators:
    """Indicators over one symbol's final bars; every value at t uses bars up to t alone.

    Series share the frame's index and are float64, NaN until enough bars are there.
    """

    def __init__(self, bars: pd.DataFrame) -> None:
        price_scale = _power_of_two(bars["close"])
        volume_scale = _power_of_two(bars["volume"])
        self.open = bars["open"] * price_scale
        self.high = bars["high"] * price_scale
        self.low = bars["low"] * price_scale
        self.close = bars["close"] * price_scale
        self.volume = bars["volume"] * volume_scale
        self.transactions = bars["transactions"]
        self._cache: dict[tuple[object, ...], pd.Series | pd.DataFrame] = {}

    @cached_property
    def log_return(self) -> pd.Series:
        """Log return of each bar's close over the bar before."""
        return log(self.close / self.close.shift(1))

    @cached_property
    def spread(self) -> pd.Series:
        """High minus low."""
        return self.high - self.low

    @cached_property
    def true_range(self) -> pd.Series:
        """Wilder's true range."""
        before = self.close.shift(1)
        edges = [self.spread, (self.high - before).abs(), (self.low - before).abs()]
        return pd.concat(edges, axis=1).max(axis=1).where(before.notna())

    @cached_property
    def signed_volume(self) -> pd.Series:
        """Volume, negative where the close fell, zero where it stood still."""
        change = self.close.diff()
        return self.volume * pd.Series(np.sign(change.to_numpy()), index=change.index)

    @cached_property
    def trade_size(self) -> pd.Series:
        """Mean size of a trade in the bar; 0 in a bar without trades."""
        return ratio(self.volume, self.transactions, 0.0)

    def ema(self, length: int) -> pd.Series:
        """Return the exponential moving average of the close."""
        return self._once(("ema", length), lambda: ta.ema(self.close, length))

    def sma(self, name: str, length: int) -> pd.Series:
        """Return the simple moving average of the series called `name`."""
        return self._once(("sma", name, length), lambda: self._rolling(name, length).mean())

    def total(self, name: str, length: int) -> pd.Series:
        """Return the rolling sum of the series called `name`."""
        return self._once(("total", name, length), lambda: self._rolling(name, length).sum())

    def deviation(self, name: str, length: int) -> pd.Series:
        """Return the rolling sample standard deviation of the series called `name`."""
        return self._once(("deviation", name, length), lambda: self._rolling(name, length).std())

    def highest(self, length: int) -> pd.Series:
        """Return the highest high of the last `length` bars."""
        return self._once(("highest", length), lambda: self._rolling("high", length).max())

    def lowest(self, length: int) -> pd.Series:
        """Return the lowest low of the last `length` bars."""
        return self._once(("lowest", length), lambda: self._rolling("low", length).min())

    def volatility(self, length: int) -> pd.Series:
        """Return the standard deviation of one-bar log returns over the last `length` bars."""
        return self.deviation("log_return", length)

    def rsi(self, length: int) -> pd.Series:
        """Return Wilder's relative strength index, 0 to 100."""
        return self._once(("rsi", length), lambda: ta.rsi(self.close, length))

    def atr(self, length: int) -> pd.Series:
        """Return Wilder's average true range in scaled price units."""
        return self._once(("atr", length), lambda: ta.atr(self.high, self.low, self.close, length))

    def roc(self, length: int) -> pd.Series:
        """Return the rate of change over `length` bars, in per cent."""
        return self._once(("roc", length), lambda: ta.roc(self.close, length))

    def macd(self) -> pd.DataFrame:
        """Return MACD 12/26/9: columns line, histogram, signal, in scaled price units."""
        names = ["line", "histogram", "signal"]
        return self._once(("macd",), lambda: self._frame(ta.macd(self.close), names))

    def adx(self) -> pd.DataFrame:
        """Return Wilder's directional movement over 14 bars: columns adx, plus, minus."""
        return self._once(("adx",), self._directional_movement)

    def stochastic(self) -> pd.DataFrame:
        """Return the slow stochastic 14/3/3, 0 to 100: columns k, d."""
        return self._once(("stochastic",), self._slow_stochastic)

    def bollinger(self) -> pd.DataFrame:
        """Return Bollinger bands 20/2 relative to their middle: columns percent, width."""
        return self._once(("bollinger",), self._bollinger_bands)

    def _directional_movement(self) -> pd.DataFrame:
        # pandas-ta decides a tie between the two moves by rounding errors; here a tie is a tie.
        up, down = self.high.diff(), -self.low.diff()
        tie = _TIE * self.close
        plus = up.where((up - down > tie) & (up > tie), 0.0).where(up.notna())
        minus = down.where((down - up > tie) & (down > tie), 0.0).where(down.notna())
        plus, minus = (
            100 * ratio(_wilder(moves, 14), self.atr(14), 0.0) for moves in (plus, minus)
        )
        strength = 100 * ratio((plus - minus).abs(), plus + minus, 0.0)
        return pd.DataFrame({"adx": _wilder(strength, 14), "plus": plus, "minus": minus})

    def _slow_stochastic(self) -> pd.DataFrame:
        lowest, highest = self.lowest(14), self.highest(14)
        raw = 100 * ratio(self.close - lowest, highest - lowest, 0.5)
        k = raw.rolling(3).mean()
        return pd.DataFrame({"k": k, "d": k.rolling(3).mean()})

    def _bollinger_bands(self) -> pd.DataFrame:
        middle = self.sma("close", 20)
        # Window by window: a running variance of prices loses its digits beside their square.
        deviation = pd.Series(np.nan, index=self.close.index)
        if len(self.close) >= 20:
            deviation.iloc[19:] = sliding_window_view(self.close.to_numpy(), 20).std(axis=1)
        percent = ratio(self.close - middle + 2 * deviation, 4 * deviation, 0.5)
        return pd.DataFrame({"percent": percent, "width": 4 * deviation / middle})

    def _rolling(self, name: str, length: int) -> "Rolling[pd.Series]":
        series: pd.Series = getattr(self, name)
        return series.rolling(length)

    def _once[T: (pd.Series, pd.DataFrame)](
        self, key: tuple[object, ...], compute: Callable[[], T | None]
    ) -> T:
        if key not in self._cache:
            found = compute()
            # pandas-ta returns None instead of NaN when there are too few bars.
            nothing = pd.Series(np.nan, index=self.close.index)
            self._cache[key] = nothing if found is None else found
        return self._cache[key]  # type: ignore[return-value]

    def _frame(self, found: pd.DataFrame | None, names: list[str]) -> pd.DataFrame:
        if found is None:
            return pd.DataFrame(np.nan, index=self.close.index, columns=names)
        return found.set_axis(names, axis=1)


def _wilder(values: pd.Series, length: int) -> pd.Series:
    return values.ewm(alpha=1 / length, min_periods=length, adjust=False).mean()


def _power_of_two(values: pd.Series) -> float:
    """Return the power of two that brings the largest value between 1/2 and 1."""
    largest = float(values.max()) if len(values) else 0.0
    return 2.0 ** -frexp(largest)[1] if np.isfinite(largest) and largest > 0 else 1.0
