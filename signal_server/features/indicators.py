"""What a feature is written in.

A feature's function uses elementwise numpy and what is here and in `primitives.py`, nothing else.
Two engines compute it then: `batch.py` for all bars of one symbol, `live.py` for the newest bar
of all symbols.
"""

import numpy as np

from signal_server.features.primitives import Primitives, Series
from signal_server.features.windows import Array, ratio

_NEGLIGIBLE = 1e-9
"""A move of this share of the price is none: moves that differ by less are equal, and averages
of moves are taken to be no smaller. Where the market stands still, both sides of a ratio of such
averages fade alike, and the ratio would remember for ever what was before its warm-up; so would
TA-Lib's, until it falls to 0, which reads as utterly oversold."""


class Indicators(Primitives):
    """Indicators of final bars, put together of primitives."""

    def sma(self, name: str, length: int) -> Array:
        """Return the simple moving average of the array called `name`."""
        return self.once(("sma", name, length), lambda: self.total(name, length) / length)

    def highest(self, length: int) -> Array:
        """Return the highest high of the last `length` bars."""
        return self.maximum("high", length)

    def lowest(self, length: int) -> Array:
        """Return the lowest low of the last `length` bars."""
        return self.once(("lowest", length), lambda: -self.maximum("depth", length))

    def volatility(self, length: int) -> Array:
        """Return the standard deviation of one-bar log returns over the last `length` bars.

        From the moments about zero: beside their deviation the mean of one-bar returns is small.
        """

        def compute() -> Array:
            drift = self.total("log_return", length) ** 2 / length
            squares = self.total("squared_return", length) - drift
            return np.sqrt(np.maximum(squares, 0.0) / (length - 1))

        return self.once(("volatility", length), compute)

    def ema(self, length: int) -> Array:
        """Return the exponential moving average of the close."""
        return self.average("close", length)

    def wilder(self, name: str, length: int) -> Array:
        """Return Wilder's smoothing, the exponential average of weight 1 / length."""
        return self.average(name, 2 * length - 1)

    def roc(self, length: int) -> Array:
        """Return the rate of change over `length` bars, in per cent."""
        return 100 * (self.close / self.before("close", length) - 1)

    def atr(self, length: int) -> Array:
        """Return Wilder's average true range in price units, never below the negligible."""
        return self.wilder("true_range", length) + self.negligible

    def rsi(self, length: int) -> Array:
        """Return Wilder's relative strength index, 0 to 100; 50 where nothing moves."""
        gain, loss = self.wilder("gain", length), self.wilder("loss", length)
        return 100 * (gain + self.negligible / 2) / (gain + loss + self.negligible)

    def macd_signal(self) -> Array:
        """Return the 9-bar EMA of the MACD line, in price units."""
        return self.average("macd_line", 9)

    def directional_index(self, sign: int) -> Array:
        """Return Wilder's directional index over 14 bars, 0 to 100: +1 upward, -1 downward."""
        return 100 * self.wilder("up_move" if sign > 0 else "down_move", 14) / self.atr(14)

    def adx(self) -> Array:
        """Return Wilder's average directional movement over 14 bars, 0 to 100."""
        return 100 * self.wilder("directional_strength", 14)

    def stochastic(self, smoothing: int) -> Array:
        """Return the slow stochastic 14/3/3, 0 to 100: k when smoothed once, d when twice."""
        if not smoothing:
            return 100 * self.range_position(14)
        less = self.define(f"stochastic_{smoothing - 1}", lambda of: of.stochastic(smoothing - 1))
        return self.sma(less, 3)

    def range_position(self, length: int) -> Array:
        """Return the close within the range of `length` bars: 0 lowest, 1 highest, 0.5 if none."""
        lowest = self.lowest(length)
        return ratio(self.close - lowest, self.highest(length) - lowest, 0.5)

    def rising_share(self, length: int) -> Array:
        """Return the rises over `length` bars as a share of all moves, 0 to 100; 50 if none."""
        return 100 * ratio(self.total("gain", length), self.total("distance", length), 0.5)

    def bollinger_deviation(self) -> Array:
        """Return the standard deviation of 20 closes as Bollinger's bands take it."""
        return self.deviation("close", 20, freedom=0)

    @Series
    def up_move(self) -> Array:
        """Wilder's upward directional movement."""
        return self._directional_move(self._rise, self._fall)

    @Series
    def down_move(self) -> Array:
        """Wilder's downward directional movement."""
        return self._directional_move(self._fall, self._rise)

    @Series
    def directional_strength(self) -> Array:
        """Difference of the two smoothed directional movements as a share of their sum."""
        plus, minus = self.wilder("up_move", 14), self.wilder("down_move", 14)
        return np.abs(plus - minus) / (plus + minus + self.negligible)

    @Series
    def macd_line(self) -> Array:
        """12-bar EMA minus 26-bar EMA of the close, in price units."""
        return self.ema(12) - self.ema(26)

    @Series
    def negligible(self) -> Array:
        """Move too small to count, in price units."""
        return _NEGLIGIBLE * self.close

    @Series
    def _rise(self) -> Array:
        return self.high - self.before("high", 1)

    @Series
    def _fall(self) -> Array:
        return self.before("low", 1) - self.low

    def _directional_move(self, move: Array, other: Array) -> Array:
        # pandas-ta decides a tie between the two moves by rounding errors; here a tie is a tie.
        idle = (move - other <= self.negligible) | (move <= self.negligible)
        return np.where(idle, 0.0, move)
