"""What the market's leaders do at the same moment: all coins follow them.

A leader's value is that of its bar with the same close; where it has none there is no value, and
so no row to learn from and no signal.
"""

from signal_server.features.feature import Feature, Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.scaled import SCALED
from signal_server.features.slow import SLOW
from signal_server.features.windows import Array

BITCOIN = "BTC-USD"
ETHER = "ETH-USD"

_OWN = {own.name: own for own in (*SCALED, *SLOW)}
_LED = (
    *(f"scaled_return_{length}" for length in (1, 5, 15, 30, 60, 240, 1440, 4320)),
    "scaled_distance_1440",
    "volatility_ratio_60_1440",
    "range_position_1440",
    "signed_volume_15",
    "signed_volume_60",
    "volume_ratio_15_240",
)


def _led(symbol: str, own: Feature) -> Feature:
    @feature(
        Group.LEADERS,
        own.inputs,
        own.warmup_bars,
        unit=own.unit,
        source=own.source,
        name=f"{symbol.partition('-')[0].lower()}_{own.name}",
        meaning=f"{own.name} of {symbol} at the same close",
        leaders=(symbol,),
    )
    def compute(of: Indicators) -> Array:
        return of.leader(symbol, own)

    return compute


def _relative(length: int) -> Feature:
    own = _OWN[f"scaled_return_{length}"]

    @feature(
        Group.LEADERS,
        own.inputs,
        own.warmup_bars,
        unit=Unit.DEVIATIONS,
        name=f"relative_return_{length}",
        meaning=f"{own.name} minus that of {BITCOIN} at the same close",
        leaders=(BITCOIN,),
    )
    def compute(of: Indicators) -> Array:
        return of.value(own) - of.leader(BITCOIN, own)

    return compute


LEADERS = (
    *(_led(symbol, _OWN[name]) for symbol in (BITCOIN, ETHER) for name in _LED),
    *(_relative(length) for length in (5, 15, 60, 240, 1440)),
)
