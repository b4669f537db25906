"""`serve` opens the profile's one model, or each symbol's own."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from signal_server.cli.served_models import open_champion, open_version, posts
from signal_server.cli.serving_parts import chance_of, watched
from signal_server.core.config import Settings, load_settings
from signal_server.core.domain import Direction
from signal_server.core.errors import ModelError
from signal_server.training.aliases import Action
from signal_server.training.artifact import TrainedModel
from signal_server.training.registry import ModelRegistry
from signal_server.training.train import TrainingSpec, train
from tests.signal_server.backtest.conftest import seeded_bars

PROFILE = "direction-15m"
SYMBOLS = ("BTC-USD", "ETH-USD")


@pytest.fixture
def settings(config: Path) -> Settings:
    content = yaml.safe_load(config.read_text())
    content["symbols"] = list(SYMBOLS)
    content["serving"]["profile"] = PROFILE
    content["training"]["max_rounds"] = 3
    profile = {"label": {"kind": "direction", "horizon_s": 900}, "features": "six"}
    content["profiles"][PROFILE] = profile | {"training": {"pooled": False}}
    config.write_text(yaml.safe_dump(content))
    return load_settings(config)


@pytest.fixture
def own(settings: Settings) -> dict[str, TrainedModel]:
    found = {}
    for seed, symbol in enumerate(SYMBOLS):
        training = settings.training_of(PROFILE)
        name = f"{PROFILE}.{symbol}"
        spec = TrainingSpec(name, settings.profiles[PROFILE], training, 60)
        found[symbol] = train({symbol: seeded_bars(seed)}, spec, lambda _stage, _share: None)
    return found


@pytest.fixture
def registry(settings: Settings) -> ModelRegistry:
    return ModelRegistry(settings.models_dir)


def _again(trained: TrainedModel) -> TrainedModel:
    return replace(trained, card=replace(trained.card, data_fingerprint="other bars"))


def test_a_symbol_without_a_model_of_its_own_is_named(settings, own, registry) -> None:
    registry.register(own["BTC-USD"])
    advice = f"ETH-USD has no model of its own .*--profile {PROFILE} --symbols ETH-USD"
    with pytest.raises(ModelError, match=advice):
        open_champion(registry, settings)


def test_all_are_opened_and_a_promotion_of_one_is_another_version(settings, own, registry) -> None:
    made = {symbol: registry.register(one).version for symbol, one in own.items()}
    served = open_champion(registry, settings)
    assert {symbol: one.version for symbol, one in served.own.items()} == made
    assert posts(registry, settings).champion == served.version
    newer = registry.register(_again(own["ETH-USD"])).version
    now = posts(registry, settings).champion
    assert now != served.version
    opened = open_version(registry, settings, now)
    assert (opened.version, opened.of("ETH-USD").version) == (now, newer)


def test_challengers_of_symbols_are_opened_in_sets_by_their_place(settings, own, registry) -> None:
    for one in own.values():
        registry.register(one)
    assert posts(registry, settings).challengers == ()
    first, second = (
        registry.register(_again(own["ETH-USD"]), wish=Action.CHALLENGED).version for _ in range(2)
    )
    other = registry.register(_again(own["BTC-USD"]), wish=Action.CHALLENGED).version
    sets = [
        {symbol: one.version for symbol, one in open_version(registry, settings, name).own.items()}
        for name in posts(registry, settings).challengers
    ]
    assert sets == [{"BTC-USD": other, "ETH-USD": first}, {"ETH-USD": second}]
    with pytest.raises(ModelError, match="have changed meanwhile"):
        open_version(registry, settings, "2-models-none")


def test_a_damaged_one_leaves_the_one_before_it_in_use(settings, own, registry) -> None:
    made = {symbol: registry.register(one).version for symbol, one in own.items()}
    newer = registry.register(_again(own["ETH-USD"])).version
    booster = settings.models_dir / f"{PROFILE}.ETH-USD" / newer / "booster.ubj"
    booster.write_bytes(booster.read_bytes()[:-7])
    assert open_champion(registry, settings).of("ETH-USD").version == made["ETH-USD"]
    with pytest.raises(ModelError, match=newer):
        open_version(registry, settings, posts(registry, settings).champion)


def test_three_classes_are_watched_against_their_majority(own, registry) -> None:
    manifest = registry.register(own["BTC-USD"])
    name = (manifest.id, manifest.version)
    assert watched(registry, name, 60).chance == 0.5
    three = replace(manifest, classes=(Direction.DOWN, Direction.FLAT, Direction.UP))
    assert chance_of(three) == manifest.validation.majority_rate


def test_a_model_of_another_symbol_is_refused(settings, own, registry) -> None:
    registry.register(own["BTC-USD"])
    card = replace(own["BTC-USD"].card, id=f"{PROFILE}.ETH-USD")
    registry.register(replace(own["BTC-USD"], card=card))
    with pytest.raises(ModelError, match="was not trained on ETH-USD"):
        open_champion(registry, settings)
