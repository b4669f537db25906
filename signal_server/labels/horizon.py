"""Labels of where the price is after a fixed time."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.costs import BPS
from signal_server.features.catalogue import realized_volatility

VOLATILITY_BARS = 60
"""That of a signal's `volatility`, from which a live prediction takes its threshold."""


def horizon_labels(bars: pd.DataFrame, label: LabelConfig, bar_seconds: int) -> pd.DataFrame:
    """Return `label` (class index, NaN while unknown), `known_at` (UTC) and `forward_return`.

    The horizon is a duration: the outcome of t is the close of the last bar at or before
    t + horizon, and is unknown unless the frame reaches that instant. A price that ends where it
    began is DOWN for `direction`: it earned a long position nothing. A trend whose threshold
    follows the volatility is NaN where that is not known.
    """
    known_at = pd.DatetimeIndex(bars.index) + pd.Timedelta(seconds=label.horizon_s)
    forward = _forward_return(bars, known_at)
    if label.kind is LabelKind.DIRECTION:
        index = (forward > 0).astype(np.float64)
    else:
        threshold = _thresholds(bars, label, bar_seconds) / BPS
        index = np.sign(forward) * (np.abs(forward) > threshold) + 1.0
        index[np.isnan(threshold)] = np.nan
    index[np.isnan(forward)] = np.nan
    return pd.DataFrame(
        {"label": index, "known_at": known_at, "forward_return": forward}, index=bars.index
    )


def threshold_bps(
    label: LabelConfig, volatility: float | NDArray[np.float64], bar_seconds: int
) -> NDArray[np.float64]:
    """Return how far the price must move to leave FLAT, in basis points; 0 for other labels.

    `volatility` is the standard deviation of one-bar log returns over the last 60 bars, which,
    were the returns independent, becomes that of the horizon by the root of its bars. NaN stays
    NaN if the threshold follows it.
    """
    usual = volatility * math.sqrt(label.horizon_s / bar_seconds)
    scaled = label.threshold_volatility * usual * BPS if label.threshold_volatility else 0.0
    return np.maximum(label.threshold_bps, np.asarray(scaled, dtype=np.float64))


def _thresholds(bars: pd.DataFrame, label: LabelConfig, bar_seconds: int) -> NDArray[np.float64]:
    if not label.threshold_volatility:
        return np.full(len(bars), label.threshold_bps)
    volatility = realized_volatility(bars, VOLATILITY_BARS).to_numpy(np.float64)
    return threshold_bps(label, volatility, bar_seconds)


def _forward_return(bars: pd.DataFrame, known_at: pd.DatetimeIndex) -> NDArray[np.float64]:
    close = bars["close"].to_numpy(dtype="float64")
    if not len(close):
        return np.empty(0)
    position = bars.index.searchsorted(known_at, side="right") - 1
    return np.where(known_at <= bars.index[-1], close[position] / close - 1, np.nan)
