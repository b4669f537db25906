"""The same market in candles of 5, 15 and 60 minutes: of finished, clock-aligned candles only.

For bars of one minute: warm-ups are counted in bars.
"""

from signal_server.features.feature import Feature, Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.slow import CUTLER
from signal_server.features.windows import Array, ratio


def _z_score(of: Indicators) -> Array:
    return ratio(of.close - of.sma("close", 20), of.deviation("close", 20), 0.0)


_CANDLE_RSI = Feature(
    "rsi_simple_14",
    Group.TIMEFRAMES,
    "rises over 14 candles as a share of all moves, 0 to 100; 50 if nothing moved",
    ("close",),
    15,
    lambda of: of.rising_share(14),
    unit=Unit.PERCENT,
    mirror=Mirror.OF_PERCENT,
    source=CUTLER,
)
_CANDLE_Z_SCORE = Feature(
    "close_z_20",
    Group.TIMEFRAMES,
    "close's distance from the mean of 20 candles in their standard deviations; 0 if constant",
    ("close",),
    20,
    _z_score,
    unit=Unit.DEVIATIONS,
    mirror=Mirror.NEGATED,
)


def _on(minutes: int, candle: Feature) -> None:
    @feature(
        Group.TIMEFRAMES,
        candle.inputs,
        # The oldest candle may be cut off at its start, and the newest is not finished.
        (candle.warmup_bars + 2) * minutes,
        unit=candle.unit,
        source=candle.source,
        mirror=candle.mirror,
        name=f"{candle.name}_{minutes}m",
        meaning=f"{candle.meaning}; candles of {minutes} minutes, the newest that is finished",
    )
    def _(of: Indicators) -> Array:
        return of.candles(minutes, candle)


for _candle in (_CANDLE_RSI, _CANDLE_Z_SCORE):
    for _minutes in (5, 15, 60):
        _on(_minutes, _candle)
