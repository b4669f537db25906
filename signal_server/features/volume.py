"""Volume: how busy the market is against its own past, and on which side.

VWAP here is the volume-weighted mean of closes over a window: vendors' own VWAP of a bar differs
between history and stream and is missing in some sources.
"""

from signal_server.features.feature import Group, Mirror, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array, ratio

_PRICE_AND_VOLUME = ("close", "volume")


def volume_ratio(length: int, group: Group) -> None:
    """Add the feature: the bar's volume against its mean over `length` bars."""

    @feature(
        group,
        ("volume",),
        length,
        unit=Unit.RATIO,
        mirror=Mirror.SAME,
        name=f"volume_ratio_{length}",
        meaning=f"volume against its mean over {length} bars; 1 when there was none",
    )
    def _(of: Indicators) -> Array:
        return ratio(of.volume, of.sma("volume", length), 1.0)


def signed_volume(length: int, group: Group) -> None:
    """Add the feature: volume on rising minus on falling bars, as a share of all."""

    @feature(
        group,
        _PRICE_AND_VOLUME,
        length + 1,
        unit=Unit.SHARE,
        mirror=Mirror.NEGATED,
        name=f"signed_volume_{length}",
        meaning=f"volume of rising minus falling bars over {length} bars, as a share of all; "
        "-1 to 1",
    )
    def _(of: Indicators) -> Array:
        return ratio(of.total("signed_volume", length), of.total("volume", length), 0.0)


def vwap_deviation(of: Indicators, length: int) -> Array:
    """Return the close over its volume-weighted mean, minus 1; 0 without volume."""
    # close / VWAP, in the order in which no volume gives 0 / 0.
    priced = of.close * of.total("volume", length)
    return ratio(priced, of.total("turnover", length), 1.0) - 1


def _vwap_deviation(length: int) -> None:
    @feature(
        Group.VOLUME,
        _PRICE_AND_VOLUME,
        length,
        unit=Unit.SHARE,
        name=f"vwap_deviation_{length}",
        meaning=f"close over its volume-weighted mean of {length} bars, minus 1; 0 without volume",
    )
    def _(of: Indicators) -> Array:
        return vwap_deviation(of, length)


for _length in (5, 20, 50):
    volume_ratio(_length, Group.VOLUME)


@feature(Group.VOLUME, ("volume",), 20, unit=Unit.RATIO)
def volume_trend(of: Indicators) -> Array:
    """Mean volume of 5 bars against 20 bars; 1 when there was none."""
    return ratio(of.sma("volume", 5), of.sma("volume", 20), 1.0)


@feature(Group.VOLUME, ("volume",), 20, unit=Unit.DEVIATIONS)
def volume_z_20(of: Indicators) -> Array:
    """Volume's distance from its 20-bar mean in standard deviations; 0 when constant."""
    return ratio(of.volume - of.sma("volume", 20), of.deviation("volume", 20), 0.0)


_vwap_deviation(20)
_vwap_deviation(60)
signed_volume(20, Group.VOLUME)
