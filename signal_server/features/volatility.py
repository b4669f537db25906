"""Volatility: how much the price moves, whichever way."""

from signal_server.features.feature import Feature, Group
from signal_server.features.indicators import Indicators
from signal_server.features.warmup import wilder_warmup_bars
from signal_server.features.windows import Array, ratio

_RANGE = ("high", "low", "close")


def _atr(length: int) -> Feature:
    return Feature(
        f"atr_{length}",
        Group.VOLATILITY,
        f"average true range over {length} bars as a share of the close",
        _RANGE,
        wilder_warmup_bars(length),
        lambda of: of.atr(length) / of.close,
    )


def _volatility(length: int) -> Feature:
    return Feature(
        f"volatility_{length}",
        Group.VOLATILITY,
        f"standard deviation of one-bar log returns over {length} bars",
        ("close",),
        length + 1,
        lambda of: of.volatility(length),
    )


def _bollinger_percent(of: Indicators) -> Array:
    deviation = of.bollinger_deviation()
    return ratio(of.close - of.sma("close", 20) + 2 * deviation, 4 * deviation, 0.5)


VOLATILITY = (
    Feature(
        "bollinger_percent",
        Group.VOLATILITY,
        "close within the Bollinger bands 20/2: 0 lower, 1 upper; 0.5 when they have no width",
        ("close",),
        20,
        _bollinger_percent,
    ),
    Feature(
        "bollinger_width",
        Group.VOLATILITY,
        "width of the Bollinger bands 20/2 as a share of their middle",
        ("close",),
        20,
        lambda of: 4 * of.bollinger_deviation() / of.sma("close", 20),
    ),
    _atr(7),
    _atr(14),
    Feature(
        "atr_ratio",
        Group.VOLATILITY,
        "average true range over 7 bars against 14 bars; 1 when nothing moved",
        _RANGE,
        wilder_warmup_bars(14),
        lambda of: of.atr(7) / of.atr(14),
    ),
    Feature(
        "true_range",
        Group.VOLATILITY,
        "the bar's true range as a share of the close",
        _RANGE,
        2,
        lambda of: of.true_range / of.close,
    ),
    _volatility(10),
    _volatility(30),
    _volatility(60),
    Feature(
        "volatility_ratio_10_60",
        Group.VOLATILITY,
        "volatility over 10 bars against 60 bars; 1 when nothing moved",
        ("close",),
        61,
        lambda of: ratio(of.volatility(10), of.volatility(60), 1.0),
    ),
)
