"""What the market's leaders do at the same moment: all coins follow them.

A leader's value is that of its bar with the same close; where it has none there is no value, and
so no row to learn from and no signal.
"""

from signal_server.features import scaled, slow  # noqa: F401 (they define what is led)
from signal_server.features.feature import REGISTER, Feature, Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

BITCOIN = "BTC-USD"

_LED = (
    *(f"scaled_return_{length}" for length in (1, 5, 15, 30, 60, 240, 1440, 4320)),
    "scaled_distance_1440",
    "volatility_ratio_60_1440",
    "range_position_1440",
    "signed_volume_15",
    "signed_volume_60",
    "volume_ratio_15_240",
)


def _led(symbol: str, own: Feature) -> None:
    @feature(
        Group.LEADERS,
        own.inputs,
        own.warmup_bars,
        unit=own.unit,
        source=own.source,
        name=f"{symbol.partition('-')[0].lower()}_{own.name}",
        meaning=f"{own.name} of {symbol} at the same close",
        leaders=(symbol,),
        mirror=own.mirror,
    )
    def _(of: Indicators) -> Array:
        return of.leader(symbol, own)


def _relative(own: Feature, length: int) -> None:
    @feature(
        Group.LEADERS,
        own.inputs,
        own.warmup_bars,
        unit=Unit.DEVIATIONS,
        mirror=Mirror.NEGATED,
        name=f"relative_return_{length}",
        meaning=f"{own.name} minus that of {BITCOIN} at the same close",
        leaders=(BITCOIN,),
    )
    def _(of: Indicators) -> Array:
        return of.value(own) - of.leader(BITCOIN, own)


for _name in _LED:
    _led(BITCOIN, REGISTER[_name])
for _length in (5, 15, 60, 240, 1440):
    _relative(REGISTER[f"scaled_return_{_length}"], _length)
