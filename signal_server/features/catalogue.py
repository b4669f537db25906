"""The ordered catalogue of features, the sets that models use, and how they are computed."""

import hashlib
import json
from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.feature import Feature
from signal_server.features.indicators import Indicators
from signal_server.features.momentum import MOMENTUM
from signal_server.features.price_action import PRICE_ACTION
from signal_server.features.scaled import SCALED
from signal_server.features.six import SIX, SIX_NAMES
from signal_server.features.transactions import TRANSACTIONS
from signal_server.features.trend import TREND
from signal_server.features.volatility import VOLATILITY
from signal_server.features.volume import VOLUME

DEFINITION_VERSION = 2
"""Raised whenever a feature's definition changes without its name changing."""

FeatureSet = Literal["indicators", "six", "all"]

INDICATORS: tuple[Feature, ...] = (
    *TREND,
    *MOMENTUM,
    *VOLATILITY,
    *VOLUME,
    *PRICE_ACTION,
    *TRANSACTIONS,
)
CATALOGUE: tuple[Feature, ...] = (*INDICATORS, *SIX, *SCALED)

_BY_NAME = {feature.name: feature for feature in CATALOGUE}


def feature_names(which: FeatureSet, *, trade_counts: bool) -> tuple[str, ...]:
    """Return the names of a set, in catalogue order.

    Without `trade_counts` the features that need them are left out: the live stream carries no
    trade count, so such a feature would mean one thing in training and nothing live.
    """
    chosen = [feature for feature in CATALOGUE if _belongs(feature, which)]
    return tuple(f.name for f in chosen if trade_counts or "transactions" not in f.inputs)


def find_features(names: Sequence[str]) -> tuple[Feature, ...]:
    """Return the features called `names`; raise `SchemaMismatchError` naming unknown ones."""
    unknown = [name for name in names if name not in _BY_NAME]
    if unknown:
        raise SchemaMismatchError(
            f"this version computes no feature called {', '.join(unknown)}; train the model again"
        )
    return tuple(_BY_NAME[name] for name in names)


def compute_features(bars: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return one float64 column per name over the bars' index, NaN within each warm-up.

    A row depends on bars up to its own alone. Raises `SchemaMismatchError` on unknown names.
    """
    indicators = Indicators(bars)
    columns = np.full((len(names), len(bars)), np.nan)
    for column, feature in zip(columns, find_features(names), strict=True):
        warm = slice(feature.warmup_bars - 1, None)
        column[warm] = feature.compute(indicators)[warm]
    return pd.DataFrame(columns.T, index=bars.index, columns=list(names))


def warmup_bars(names: Sequence[str]) -> int:
    """Return how many bars the newest row of these features needs, its own bar included."""
    return max((feature.warmup_bars for feature in find_features(names)), default=0)


def schema_hash(names: Sequence[str]) -> str:
    """Return a digest of names, order, inputs, warm-ups and the definitions' version."""
    features = [[f.name, list(f.inputs), f.warmup_bars] for f in find_features(names)]
    content = json.dumps([DEFINITION_VERSION, features], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def realized_volatility(bars: pd.DataFrame, window: int = 60) -> pd.Series:
    """Return the standard deviation of one-bar log returns over `window` bars; NaN before."""
    return pd.Series(Indicators(bars).volatility(window), index=bars.index)


def _belongs(feature: Feature, which: FeatureSet) -> bool:
    if which == "six":
        return feature.name in SIX_NAMES
    return which == "all" or feature in INDICATORS
