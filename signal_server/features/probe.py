"""What a feature gives on made bars: that changes when its definition does, and not else."""

import hashlib
from functools import cache

import numpy as np

from signal_server.features.batch import compute_columns
from signal_server.features.candles import BarArrays
from signal_server.features.feature import Feature
from signal_server.features.windows import Array

PROBED_BARS = 16
DIGITS = 7
"""Of the largest value: far above rounding errors, which differ between processors."""

_FIRST_CLOSE_S = 1_700_000_040
_MOVE = 1e-3


def probe(feature: Feature) -> Array:
    """Return the feature's newest values (16,) on made minutes, the same on every machine."""
    count = feature.warmup_bars + PROBED_BARS
    leaders = {symbol: _bars(count, seed) for seed, symbol in enumerate(feature.leaders, start=2)}
    return compute_columns([feature], _bars(count, 1), leaders)[0, -PROBED_BARS:]


@cache
def definition_digest(feature: Feature) -> str:
    """Return a digest of what the feature computes."""
    values = probe(feature)
    largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    rounded = np.round(values / (largest or 1.0), DIGITS) + 0.0
    content = " ".join([f"{largest:.{DIGITS}g}", *(f"{value:.{DIGITS}f}" for value in rounded)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _bars(count: int, seed: int) -> BarArrays:
    """Return bars that wander, some without volume."""
    # The legacy generator's stream is frozen for all of numpy's versions.
    chance = np.random.RandomState(seed).uniform(-1.0, 1.0, (6, count))
    close = 100 * np.exp(np.cumsum(_MOVE * chance[0]))
    opened = close * np.exp(_MOVE * chance[1])
    volume = np.exp(chance[4]) * (np.arange(count) % 11 > 0)
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * (1 + _MOVE * np.abs(chance[2])),
        "low": np.minimum(opened, close) * (1 - _MOVE * np.abs(chance[3])),
        "close": close,
        "volume": volume,
        "transactions": np.floor(30 * np.abs(chance[5])) * (volume > 0),
    }
    return BarArrays(_FIRST_CLOSE_S + 60 * np.arange(count, dtype=np.int64), columns)
