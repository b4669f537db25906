"""What `serve` puts together: the model as it is served, its history, the list of models."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.config import Settings
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.market.store import BarStore
from signal_server.serving.drift import Watched
from signal_server.serving.history import SPARE_BARS
from signal_server.serving.served import ServedModel
from signal_server.serving.wire import to_timestamp
from signal_server.training.artifact import Manifest, Model
from signal_server.training.registry import ModelRegistry

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SPARSE = 3
"""How many times longer than its bars a stretch of history may be, since some have no trade."""


def open_model(registry: ModelRegistry, settings: Settings) -> Model:
    """Open the profile's model; raise `ModelError` naming why it cannot be served here."""
    model = registry.load(settings.serving.profile)
    model.check_schema()
    model.check_bar_seconds(settings.bar_seconds)
    manifest = model.manifest
    title = f"model {manifest.id} {manifest.version}"
    if manifest.trade_count_features:
        names = ", ".join(manifest.trade_count_features)
        raise ModelError(
            f"{title} needs trade counts, which live bars lack ({names}); "
            "train it with training.use_trade_counts: false"
        )
    strangers = [symbol for symbol in settings.symbols if symbol not in manifest.symbols]
    if strangers:
        raise ModelError(
            f"{title} was not trained on {', '.join(strangers)}; "
            "train it again with them, or take them out of symbols"
        )
    return model


def served_model(model: Model) -> ServedModel:
    """Return the model as serving needs it."""
    manifest = model.manifest
    return ServedModel(
        id=manifest.id,
        version=manifest.version,
        label=manifest.profile.label,
        bar_seconds=manifest.bar_seconds,
        symbols=manifest.symbols,
        schema_hash=manifest.schema_hash,
        names=manifest.feature_names,
        classes=manifest.classes,
        predict=model.predict_rows,
    )


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


def watched(registry: ModelRegistry, manifest: Manifest) -> Watched:
    """Return what a drift monitor compares a version's live rows with.

    A version without a readable reference is watched by its outcomes alone.
    """
    try:
        reference = registry.reference(manifest.id, manifest.version)
    except ModelError as error:
        logger.warning("drift of inputs cannot be told: %s", error)
        reference = None
    return Watched((manifest.id, manifest.version), reference, manifest.bar_seconds)


def list_models(registry: ModelRegistry, serving: Manifest) -> list[pb.Model]:
    """Return all registered models as the contract has them; `serving` is marked."""
    return [_model(manifest, serving) for manifest in registry.list()]


def _model(manifest: Manifest, serving: Manifest) -> pb.Model:
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
        serving=(manifest.id, manifest.version) == (serving.id, serving.version),
    )
