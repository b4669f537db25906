"""Volume: how busy the market is against its own past, and on which side.

VWAP here is the volume-weighted mean of closes over a window: vendors' own VWAP of a bar differs
between history and stream and is missing in some sources.
"""

from signal_server.features.feature import Feature, Group
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array, ratio

_PRICE_AND_VOLUME = ("close", "volume")


def volume_ratio(length: int, group: Group) -> Feature:
    """Return the feature: the bar's volume against its mean over `length` bars."""
    return Feature(
        f"volume_ratio_{length}",
        group,
        f"volume against its mean over {length} bars; 1 when there was none",
        ("volume",),
        length,
        lambda of: ratio(of.volume, of.sma("volume", length), 1.0),
    )


def signed_volume(length: int, group: Group) -> Feature:
    """Return the feature: volume on rising minus on falling bars, as a share of all."""
    return Feature(
        f"signed_volume_{length}",
        group,
        f"volume of rising minus falling bars over {length} bars, as a share of all; -1 to 1",
        _PRICE_AND_VOLUME,
        length + 1,
        lambda of: ratio(of.total("signed_volume", length), of.total("volume", length), 0.0),
    )


def _vwap_deviation(length: int) -> Feature:
    def compute(of: Indicators) -> Array:
        # close / VWAP, in the order in which no volume gives 0 / 0.
        priced = of.close * of.total("volume", length)
        return ratio(priced, of.total("turnover", length), 1.0) - 1

    return Feature(
        f"vwap_deviation_{length}",
        Group.VOLUME,
        f"close over its volume-weighted mean of {length} bars, minus 1; 0 without volume",
        _PRICE_AND_VOLUME,
        length,
        compute,
    )


VOLUME = (
    volume_ratio(5, Group.VOLUME),
    volume_ratio(20, Group.VOLUME),
    volume_ratio(50, Group.VOLUME),
    Feature(
        "volume_trend",
        Group.VOLUME,
        "mean volume of 5 bars against 20 bars; 1 when there was none",
        ("volume",),
        20,
        lambda of: ratio(of.sma("volume", 5), of.sma("volume", 20), 1.0),
    ),
    Feature(
        "volume_z_20",
        Group.VOLUME,
        "volume's distance from its 20-bar mean in standard deviations; 0 when constant",
        ("volume",),
        20,
        lambda of: ratio(of.volume - of.sma("volume", 20), of.deviation("volume", 20), 0.0),
    ),
    _vwap_deviation(20),
    _vwap_deviation(60),
    signed_volume(20, Group.VOLUME),
)
