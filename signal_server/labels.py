"""Labels: the only thing that looks forward."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import Direction

_CLASSES = {
    LabelKind.DIRECTION: (Direction.DOWN, Direction.UP),
    LabelKind.TREND: (Direction.DOWN, Direction.FLAT, Direction.UP),
}


def classes(kind: LabelKind) -> tuple[Direction, ...]:
    """Return the classes in the order of their label index."""
    return _CLASSES[kind]


def make_labels(
    bars: pd.DataFrame,
    label: LabelConfig,
    bar_seconds: int,  # noqa: ARG001 (a trade begins where the next bar opens)
) -> pd.DataFrame:
    """Return `label` (class index, NaN while unknown), `known_at` (UTC) and `forward_return`.

    Rows are the bars'. The horizon is a duration: the outcome of t is the close of the last bar
    at or before t + horizon, and is unknown unless the frame reaches that instant. A price that
    ends where it began is DOWN for `direction`: it earned a long position nothing.
    """
    known_at = pd.DatetimeIndex(bars.index) + pd.Timedelta(seconds=label.horizon_s)
    forward = _forward_return(bars, known_at)
    index = _direction(forward) if label.kind is LabelKind.DIRECTION else _trend(forward, label)
    return pd.DataFrame(
        {
            "label": np.where(np.isnan(forward), np.nan, index),
            "known_at": known_at,
            "forward_return": forward,
        },
        index=bars.index,
    )


def _forward_return(bars: pd.DataFrame, known_at: pd.DatetimeIndex) -> npt.NDArray[np.float64]:
    close = bars["close"].to_numpy(dtype="float64")
    if not len(close):
        return np.empty(0)
    position = bars.index.searchsorted(known_at, side="right") - 1
    return np.where(known_at <= bars.index[-1], close[position] / close - 1, np.nan)


def _direction(forward: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return (forward > 0).astype("float64")


def _trend(forward: npt.NDArray[np.float64], label: LabelConfig) -> npt.NDArray[np.float64]:
    threshold = label.threshold_bps / 10_000
    return np.sign(forward) * (np.abs(forward) > threshold) + 1.0
