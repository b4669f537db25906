"""Promotions reach a running engine; what cannot be served is refused by name."""

import pytest

from signal_server.core.errors import ModelError
from signal_server.serving.model_health import Drift
from signal_server.serving.served import ServedModel
from signal_server.serving.succession import Posts, Succession
from tests.signal_server.serving.world import World, model


class Registry:
    """Says who plays; versions called broken cannot be opened."""

    def __init__(self) -> None:
        self.now = Posts("v1")
        self.opened: list[str] = []
        self.error: ModelError | None = None

    def posts(self) -> Posts:
        if self.error is not None:
            raise self.error
        return self.now

    def open(self, version: str) -> ServedModel:
        self.opened.append(version)
        if version.startswith("broken"):
            raise ModelError(f"models/{version}: the booster is damaged")
        return model(version=version)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def running(world: World, registry: Registry) -> Succession:
    return Succession(world.engine, registry.posts, registry.open)


async def test_a_promotion_takes_effect_with_the_next_bar(
    world: World, registry: Registry, running: Succession
) -> None:
    await running.look()
    await world.issue()
    registry.now = Posts("v2")
    await running.look()
    await world.issue()
    rows = world.journal.query("SELECT id, model_version FROM ml_predictions ORDER BY id")
    assert [tuple(row.values()) for row in rows] == [(1, "v1"), (2, "v2")]
    assert registry.opened == ["v2"]


async def test_a_rollback_takes_effect_with_the_next_bar(
    world: World, registry: Registry, running: Succession
) -> None:
    for version in ("v2", "v1"):
        registry.now = Posts(version)
        await running.look()
    await world.issue()
    assert world.engine.champion.version == "v1"
    (row,) = world.journal.query("SELECT model_version FROM ml_predictions")
    assert row["model_version"] == "v1"


async def test_a_champion_that_cannot_be_opened_is_refused_by_name_and_the_last_goes_on(
    world: World, registry: Registry, running: Succession, caplog: pytest.LogCaptureFixture
) -> None:
    registry.now = Posts("broken-2")
    await running.look()
    await running.look()
    assert registry.opened == ["broken-2"]
    assert "version broken-2 is refused: models/broken-2: the booster is damaged" in caplog.text
    told = running.told_with(Drift())
    assert (told.halt, told.reason) == (
        False,
        "broken-2 cannot be served: models/broken-2: the booster is damaged",
    )
    await world.issue()
    assert (world.engine.champion.version, world.engine.activity.signals) == ("v1", 1)
    registry.now = Posts("v3")
    await running.look()
    assert running.told_with(Drift()) == Drift()
    assert world.engine.champion.version == "v3"


async def test_a_broken_challenger_leaves_the_others_in_shadow(
    world: World, registry: Registry, running: Succession
) -> None:
    registry.now = Posts("v1", ("broken", "v2"))
    await running.look()
    assert [one.version for one in world.engine.models] == ["v1", "v2"]
    assert list(running.problems) == ["broken"]
    registry.now = Posts("v1")
    await running.look()
    assert [one.version for one in world.engine.models] == ["v1"]


async def test_a_champion_that_becomes_challenger_goes_on_in_shadow(
    world: World, registry: Registry, running: Succession
) -> None:
    registry.now = Posts("v2", ("v1",))
    await running.look()
    await world.issue()
    (published,) = world.journal.query("SELECT model_version FROM ml_predictions")
    (shadow,) = world.journal.query("SELECT model_version FROM shadow_predictions")
    assert (published["model_version"], shadow["model_version"]) == ("v2", "v1")


async def test_an_unreadable_registry_changes_nothing_and_is_said_once(
    world: World, registry: Registry, running: Succession, caplog: pytest.LogCaptureFixture
) -> None:
    registry.error = ModelError("aliases.json does not hold the aliases of a profile")
    await running.look()
    await running.look()
    assert caplog.text.count("aliases.json") == 1
    assert "aliases.json" in running.told_with(Drift()).reason
    registry.error = None
    await running.look()
    assert running.told_with(Drift(halt=True, reason="low")) == Drift(halt=True, reason="low")
    assert world.engine.champion.version == "v1"


async def test_the_present_signal_stays_valid_over_a_change(
    world: World, registry: Registry, running: Succession
) -> None:
    await world.issue()
    before = world.hub.latest("BTC-USD")
    registry.now = Posts("v2")
    await running.look()
    assert world.hub.latest("BTC-USD") == before
