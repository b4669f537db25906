"""The six features of the direction profiles; RSI 14 and the volume ratio are indicators too."""

from signal_server.features.feature import Feature, Group

SIX_NAMES = (
    "return_5",
    "return_60",
    "rsi_14",
    "sma_20_distance",
    "volume_ratio_20",
    "support_distance",
)


def _return(length: int) -> Feature:
    return Feature(
        f"return_{length}",
        Group.SIX,
        f"close over the close {length} bars before, minus 1",
        ("close",),
        length + 1,
        lambda of: of.close / of.before("close", length) - 1,
    )


SIX = (
    _return(5),
    _return(60),
    Feature(
        "sma_20_distance",
        Group.SIX,
        "close over its 20-bar mean, minus 1",
        ("close",),
        20,
        lambda of: of.close / of.sma("close", 20) - 1,
    ),
    Feature(
        "support_distance",
        Group.SIX,
        "close over the lowest low of 60 bars, minus 1",
        ("low", "close"),
        60,
        lambda of: of.close / of.lowest(60) - 1,
    ),
)
