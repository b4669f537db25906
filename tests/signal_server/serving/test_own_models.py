"""A profile whose symbols have a model each is served as one, and each symbol gets its own."""

from dataclasses import replace

import pytest

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.errors import ModelError
from signal_server.journal.predictions import Prediction
from signal_server.serving.lineup import Lineup
from signal_server.serving.served import one_each, version_of
from tests.signal_server.serving.world import (
    NOON,
    HandClock,
    Live,
    World,
    always,
    bar,
    bars,
    model,
    stage,
)

OWN = {
    "BTC-USD": model(id="direction-2h.BTC-USD", version="b1", predict=always(0.3, 0.7)),
    "ETH-USD": model(id="direction-2h.ETH-USD", version="e1", predict=always(0.8, 0.2)),
}


def test_each_symbol_is_predicted_by_its_own_model() -> None:
    clock = HandClock(NOON)
    stored = {symbol: bars(200) for symbol in OWN}
    lineup = Lineup(one_each("direction-2h", OWN), stage(clock, stored))
    clock.advance(61)
    closed = NOON.replace(minute=1)
    told = lineup.take([Live(bar(closed, symbol), clock()) for symbol in OWN])
    found = {live.bar.symbol: made for live, made in told if isinstance(made, Prediction)}
    said = {
        symbol: (made.signal.model_id, made.signal.model_version, made.signal.confidence)
        for symbol, made in found.items()
    }
    assert said == {
        "BTC-USD": ("direction-2h.BTC-USD", "b1", 0.7),
        "ETH-USD": ("direction-2h.ETH-USD", "e1", 0.8),
    }


def test_the_one_that_stands_for_all_is_known_by_all_their_versions() -> None:
    both = one_each("direction-2h", OWN)
    assert both.identity == ("direction-2h", version_of({"ETH-USD": "e1", "BTC-USD": "b1"}))
    assert both.identities == (("direction-2h.BTC-USD", "b1"), ("direction-2h.ETH-USD", "e1"))
    later = OWN | {"ETH-USD": replace(OWN["ETH-USD"], version="e2")}
    assert one_each("direction-2h", later).version != both.version


def test_models_that_predict_different_things_are_refused_by_name() -> None:
    other = LabelConfig(kind=LabelKind.DIRECTION, horizon_s=900)
    mixed = OWN | {"ETH-USD": replace(OWN["ETH-USD"], label=other)}
    with pytest.raises(ModelError, match="BTC-USD and ETH-USD differ"):
        one_each("direction-2h", mixed)


async def test_an_engine_changes_from_one_set_to_another(world: World) -> None:
    own = {"BTC-USD": OWN["BTC-USD"]}
    await world.engine.use(lambda lineup: lineup.change(one_each("direction-2h", own), []))
    await world.issue()
    own = {"BTC-USD": replace(OWN["BTC-USD"], version="b2")}
    await world.engine.use(lambda lineup: lineup.change(one_each("direction-2h", own), []))
    await world.issue()
    rows = world.journal.query("SELECT model_id, model_version FROM ml_predictions ORDER BY id")
    name = "direction-2h.BTC-USD"
    assert [tuple(row.values()) for row in rows] == [(name, "b1"), (name, "b2")]


def test_a_challenger_of_one_symbol_predicts_that_symbol_alone() -> None:
    clock = HandClock(NOON)
    lineup = Lineup(one_each("direction-2h", OWN), stage(clock, {one: bars(200) for one in OWN}))
    challenger = replace(OWN["ETH-USD"], version="e2", predict=always(0.1, 0.9))
    assert lineup.change(lineup.champion, [one_each("direction-2h", {"ETH-USD": challenger})]) == {}
    clock.advance(61)
    lineup.take([Live(bar(NOON.replace(minute=1), symbol), clock()) for symbol in OWN])
    (shadow,) = lineup.take_in_shadow()
    said = shadow.signal
    assert (said.symbol, said.model_id, said.model_version, said.confidence) == (
        "ETH-USD",
        "direction-2h.ETH-USD",
        "e2",
        0.9,
    )
