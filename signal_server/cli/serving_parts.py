"""What `serve` puts together: histories, what models are watched by, the list of models."""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.journal.evidence import Version
from signal_server.market.store import BarStore
from signal_server.serving.drift import EVEN, Watched
from signal_server.serving.history import SPARE_BARS
from signal_server.serving.wire import to_timestamp
from signal_server.training.artifact import Manifest
from signal_server.training.registry import ModelRegistry

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SPARSE = 3
"""How many times longer than its bars a stretch of history may be, since some have no trade."""


def stored_bars(store: BarStore, symbol: str, bars: int) -> "pd.DataFrame":
    """Return a symbol's newest stored bars, at least `bars` if it has them.

    Raises `NoHistoryError` if it has none.
    """
    last = store.last_close(symbol)
    if last is None:
        raise NoHistoryError(
            f"no bars of {symbol} in {store.folder}; run `signal-server backfill` first"
        )
    stretch = timedelta(seconds=SPARSE * (bars + SPARE_BARS) * store.bar_seconds)
    return store.read(symbol, start=last - stretch)


def watched(
    registry: ModelRegistry, model: Version, bar_seconds: int, own: tuple[Version, ...] = ()
) -> Watched:
    """Return what a drift monitor compares a version's live rows with.

    A version without a readable reference, and one that stands for each symbol's `own`, is
    watched by its outcomes alone.
    """
    reference = None
    try:
        chance = float(np.mean([chance_of(registry.manifest(*one)) for one in own or (model,)]))
        reference = None if own else registry.reference(*model)
    except ModelError as error:
        logger.warning("drift of inputs cannot be told: %s", error)
        chance = EVEN
    return Watched(model, reference, bar_seconds, own, chance)


def chance_of(manifest: Manifest) -> float:
    """Return what saying always the same class got on the test part; 0.5 for two classes."""
    return EVEN if len(manifest.classes) == 2 else manifest.validation.majority_rate


def list_models(registry: ModelRegistry, serving: Collection[Version]) -> list[pb.Model]:
    """Return all registered models as the contract has them; those `serving` are marked."""
    return [_model(manifest, serving) for manifest in registry.list()]


def _model(manifest: Manifest, serving: Collection[Version]) -> pb.Model:
    return pb.Model(
        id=manifest.id,
        version=manifest.version,
        profile=manifest.id,
        horizon_s=manifest.profile.label.horizon_s,
        bar_seconds=manifest.bar_seconds,
        symbols=manifest.symbols,
        schema_hash=manifest.schema_hash,
        trained_at=to_timestamp(manifest.created_at),
        test_accuracy=manifest.validation.accuracy,
        majority_rate=manifest.validation.majority_rate,
        serving=(manifest.id, manifest.version) in serving,
    )
