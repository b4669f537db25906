"""The ordered catalogue of features, the sets that models use, and how they are computed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType
from typing import Literal

import pandas as pd

from signal_server.core.errors import NoHistoryError, SchemaMismatchError
from signal_server.features.batch import BatchIndicators, compute_columns
from signal_server.features.candles import BarArrays
from signal_server.features.feature import REGISTER, Feature, Group
from signal_server.features.probe import definition_digest
from signal_server.features.six import SIX_NAMES

for _module in (
    "calendar",
    "leaders",
    "momentum",
    "own",
    "price_action",
    "scaled",
    "slow",
    "timeframes",
    "transactions",
    "trend",
    "volatility",
    "volume",
):
    import_module(f"signal_server.features.{_module}")

DEFINITION_VERSION = 2
"""Raised whenever a feature's definition changes without its name changing, as a test demands."""

NO_LEADERS: Mapping[str, pd.DataFrame] = MappingProxyType({})

FeatureSet = Literal["indicators", "six", "all", "pooled"]

_INDICATOR_GROUPS = {
    Group.TREND,
    Group.MOMENTUM,
    Group.VOLATILITY,
    Group.VOLUME,
    Group.PRICE_ACTION,
    Group.TRANSACTIONS,
}
_POOLED_GROUPS = {
    Group.SCALED,
    Group.SLOW,
    Group.TIMEFRAMES,
    Group.CALENDAR,
    Group.LEADERS,
    Group.OWN,
}

CATALOGUE: tuple[Feature, ...] = tuple(
    sorted(REGISTER.values(), key=lambda feature: list(Group).index(feature.group))
)
"""All features: in the order of their groups, and as they are written in each."""


def feature_names(which: FeatureSet, *, trade_counts: bool) -> tuple[str, ...]:
    """Return the names of a set, in catalogue order.

    Without `trade_counts` the features that need them are left out: the live stream carries no
    trade count, so such a feature would mean one thing in training and nothing live.
    """
    chosen = [feature for feature in CATALOGUE if _belongs(feature, which)]
    return tuple(f.name for f in chosen if trade_counts or "transactions" not in f.inputs)


def find_features(names: Sequence[str]) -> tuple[Feature, ...]:
    """Return the features called `names`; raise `SchemaMismatchError` naming unknown ones."""
    unknown = [name for name in names if name not in REGISTER]
    if unknown:
        raise SchemaMismatchError(
            f"this version computes no feature called {', '.join(unknown)}; train the model again"
        )
    return tuple(REGISTER[name] for name in names)


def compute_features(
    bars: pd.DataFrame,
    names: Sequence[str],
    leaders: Mapping[str, pd.DataFrame] = NO_LEADERS,
) -> pd.DataFrame:
    """Return one float64 column per name over the bars' index, NaN within each warm-up.

    A row depends on bars up to its own alone, and on those of `leaders` (bar frames by symbol)
    up to the same close; without a leader's bar of that close its features are NaN. Raises
    `SchemaMismatchError` on unknown names, `NoHistoryError` naming a leader that is not given.
    """
    missing = [symbol for symbol in leaders_of(names) if symbol not in leaders]
    if missing:
        raise NoHistoryError(
            f"these features need the bars of {', '.join(missing)} too; backfill them first"
        )
    others = {symbol: BarArrays.of(leaders[symbol]) for symbol in leaders_of(names)}
    columns = compute_columns(find_features(names), BarArrays.of(bars), others)
    return pd.DataFrame(columns.T, index=bars.index, columns=list(names), copy=False)


def warmup_bars(names: Sequence[str]) -> int:
    """Return how many bars the newest row of these features needs, its own bar included."""
    return max((feature.warmup_bars for feature in find_features(names)), default=0)


def leaders_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the symbols whose bars these features read beside the symbol's own, sorted."""
    return tuple(sorted({symbol for f in find_features(names) for symbol in f.leaders}))


def schema_hash(names: Sequence[str]) -> str:
    """Return a digest of names, order, inputs, warm-ups and the definitions' version.

    Own features have no version: what they compute is in it.
    """
    features = [
        [f.name, list(f.inputs), f.warmup_bars, *_own_definition(f)] for f in find_features(names)
    ]
    content = json.dumps([DEFINITION_VERSION, features], separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def realized_volatility(bars: pd.DataFrame, window: int = 60) -> pd.Series:
    """Return the standard deviation of one-bar log returns over `window` bars; NaN before."""
    return pd.Series(BatchIndicators(BarArrays.of(bars)).volatility(window), index=bars.index)


def _own_definition(feature: Feature) -> list[str]:
    return [definition_digest(feature)] if feature.group is Group.OWN else []


def _belongs(feature: Feature, which: FeatureSet) -> bool:
    if which == "six":
        return feature.name in SIX_NAMES
    if which == "pooled":
        return feature.group in _POOLED_GROUPS
    more = {Group.SIX, Group.SCALED} if which == "all" else set()
    return feature.group in _INDICATOR_GROUPS | more
