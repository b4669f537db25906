"""What `serve` puts together: the model as it is served, its history, the list of models."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.config import Settings
from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.journal.evidence import Version
from signal_server.market.store import BarStore
from signal_server.serving.drift import Watched
from signal_server.serving.history import SPARE_BARS
from signal_server.serving.served import ServedModel
from signal_server.serving.succession import Posts
from signal_server.serving.wire import to_timestamp
from signal_server.training.artifact import Manifest, Model
from signal_server.training.registry import ModelRegistry

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)

SPARSE = 3
"""How many times longer than its bars a stretch of history may be, since some have no trade."""


def open_model(registry: ModelRegistry, settings: Settings) -> Model:
    """Open the champion of the served profile, or the newest one before it that can be served.

    Raises the champion's `ModelError` when there is none.
    """
    found = registry.load_last_good(
        settings.serving.profile, lambda model: check_servable(model, settings)
    )
    for problem in found.passed_over:
        logger.error("passed over: %s", problem)
    return found.model


def check_servable(model: Model, settings: Settings) -> None:
    """Raise `ModelError` naming why a model cannot be served here."""
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


def open_version(registry: ModelRegistry, settings: Settings, version: str) -> ServedModel:
    """Open a version of the served profile; raise `ModelError` naming why it cannot be served."""
    model = registry.load(settings.serving.profile, version)
    check_servable(model, settings)
    return served_model(model)


def posts(registry: ModelRegistry, settings: Settings) -> Posts:
    """Return the champion and the challengers of the served profile."""
    aliases = registry.aliases(settings.serving.profile)
    if aliases.champion is None:
        raise ModelError(f"{settings.serving.profile} has no champion; promote a version")
    return Posts(aliases.champion, aliases.challengers)


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


def watched(registry: ModelRegistry, model: Version, bar_seconds: int) -> Watched:
    """Return what a drift monitor compares a version's live rows with.

    A version without a readable reference is watched by its outcomes alone.
    """
    try:
        reference = registry.reference(*model)
    except ModelError as error:
        logger.warning("drift of inputs cannot be told: %s", error)
        reference = None
    return Watched(model, reference, bar_seconds)


def list_models(registry: ModelRegistry, serving: Version) -> list[pb.Model]:
    """Return all registered models as the contract has them; `serving` is marked."""
    return [_model(manifest, serving) for manifest in registry.list()]


def _model(manifest: Manifest, serving: Version) -> pb.Model:
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
        serving=(manifest.id, manifest.version) == serving,
    )
