"""Which models `serve` serves: the profile's one, or each symbol's own."""

import logging
from collections.abc import Callable, Sequence

from signal_server.core.config import Settings
from signal_server.core.errors import ModelError
from signal_server.serving.served import ServedModel, one_each, version_of
from signal_server.serving.succession import Posts
from signal_server.training.artifact import Model
from signal_server.training.registry import ModelRegistry, name_of_own

logger = logging.getLogger(__name__)


def open_champion(registry: ModelRegistry, settings: Settings) -> ServedModel:
    """Open the champion of the served profile, or the newest one before it that can be served.

    Without `training.pooled` it is one of each symbol. Raises the champion's `ModelError` when
    there is none.
    """

    def open_one(name: str, symbols: Sequence[str]) -> Model:
        found = registry.load_last_good(
            name, lambda model: check_servable(model, settings, symbols)
        )
        for problem in found.passed_over:
            logger.error("passed over: %s", problem)
        return found.model

    return _opened(registry, settings, open_one)


def open_version(registry: ModelRegistry, settings: Settings, version: str) -> ServedModel:
    """Open a version of the served profile; raise `ModelError` naming why it cannot be served.

    Without `training.pooled` it stands for versions of several symbols, which `posts` tells.
    """
    profile = settings.serving.profile

    def open_one(name: str, one: str, symbols: Sequence[str]) -> ServedModel:
        model = registry.load(name, one)
        check_servable(model, settings, symbols)
        return served_model(model)

    if is_pooled(settings, profile):
        return open_one(profile, version, settings.symbols)
    for versions in _sets(registry, settings, profile):
        if version_of(versions) == version:
            own = {
                symbol: open_one(name_of_own(profile, symbol), one, (symbol,))
                for symbol, one in versions.items()
            }
            return one_each(profile, own)
    raise ModelError(f"the models of {profile} have changed meanwhile")


def posts(registry: ModelRegistry, settings: Settings) -> Posts:
    """Return the champion and the challengers of the served profile.

    Without `training.pooled` each stands for a set with at most one model a symbol: the champions,
    then each symbol's first challenger, then each second one, and so on.
    """
    profile = settings.serving.profile
    if not is_pooled(settings, profile):
        champion, *challengers = map(version_of, _sets(registry, settings, profile))
        return Posts(champion, tuple(challengers))
    aliases = registry.aliases(profile)
    if aliases.champion is None:
        raise ModelError(f"{profile} has no champion; promote a version")
    return Posts(aliases.champion, aliases.challengers)


def is_pooled(settings: Settings, profile: str) -> bool:
    """Tell whether a profile has one model for all symbols."""
    return settings.training_of(profile).pooled


def own_names(registry: ModelRegistry, settings: Settings, profile: str) -> dict[str, str]:
    """Return the names of the models of one symbol each; raise `ModelError` where one is missing.

    They are those of the followed symbols.
    """
    names = {symbol: name_of_own(profile, symbol) for symbol in settings.symbols}
    for symbol, name in names.items():
        if registry.aliases(name).champion is None:
            raise ModelError(
                f"{symbol} has no model of its own in profile {profile}; run "
                f"`signal-server train --profile {profile} --symbols {symbol}`"
            )
    return names


def check_servable(model: Model, settings: Settings, symbols: Sequence[str]) -> None:
    """Raise `ModelError` naming why a model cannot be served for `symbols` here."""
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
    strangers = [symbol for symbol in symbols if symbol not in manifest.symbols]
    if strangers:
        raise ModelError(
            f"{title} was not trained on {', '.join(strangers)}; "
            "train it again with them, or take them out of symbols"
        )


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


def _sets(registry: ModelRegistry, settings: Settings, profile: str) -> list[dict[str, str]]:
    """Return versions by symbol: all champions, then the challengers that have the same place."""
    names = own_names(registry, settings, profile)
    champions = {symbol: registry.champion(name) for symbol, name in names.items()}
    waiting = {symbol: registry.challengers(name) for symbol, name in names.items()}
    return [
        champions,
        *(
            {symbol: found[place] for symbol, found in waiting.items() if place < len(found)}
            for place in range(max(map(len, waiting.values())))
        ),
    ]


def _opened(
    registry: ModelRegistry, settings: Settings, open_one: Callable[[str, Sequence[str]], Model]
) -> ServedModel:
    """Open the served profile's one model, or one for each symbol."""
    profile = settings.serving.profile
    if is_pooled(settings, profile):
        return served_model(open_one(profile, settings.symbols))
    names = own_names(registry, settings, profile)
    own = {symbol: served_model(open_one(names[symbol], (symbol,))) for symbol in names}
    return one_each(profile, own)
