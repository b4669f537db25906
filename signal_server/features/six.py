"""The six features of the direction profiles; RSI 14 and the volume ratio are indicators too."""

from signal_server.features.feature import Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

SIX_NAMES = (
    "return_5",
    "return_60",
    "rsi_14",
    "sma_20_distance",
    "volume_ratio_20",
    "support_distance",
)


def _return(length: int) -> None:
    @feature(
        Group.SIX,
        ("close",),
        length + 1,
        unit=Unit.SHARE,
        name=f"return_{length}",
        meaning=f"close over the close {length} bars before, minus 1",
    )
    def _(of: Indicators) -> Array:
        return of.close / of.before("close", length) - 1


_return(5)
_return(60)


@feature(Group.SIX, ("close",), 20, unit=Unit.SHARE)
def sma_20_distance(of: Indicators) -> Array:
    """Close over its 20-bar mean, minus 1."""
    return of.close / of.sma("close", 20) - 1


@feature(Group.SIX, ("low", "close"), 60, unit=Unit.SHARE)
def support_distance(of: Indicators) -> Array:
    """Close over the lowest low of 60 bars, minus 1."""
    return of.close / of.lowest(60) - 1
