"""A feature is one decorated function, and both engines run it."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.catalogue import compute_features, schema_hash
from signal_server.features.feature import REGISTER, Feature, Group, Unit, feature
from signal_server.features.indicators import Indicators
from signal_server.features.leaders import BITCOIN
from signal_server.features.live import LiveFeatures
from signal_server.features.windows import Array
from tests.signal_server.features.bars import random_bars


@pytest.fixture
def smoothed_body() -> Iterator[Feature]:
    @feature(Group.OWN, ("open", "high", "low", "close"), 9, unit=Unit.SHARE)
    def smoothed_body(of: Indicators) -> Array:
        """Mean over 8 bars of the body as a share of the close before."""
        body = of.define("body", lambda of: (of.close - of.open) / of.before("close", 1))
        return of.sma(body, 8)

    yield smoothed_body
    del REGISTER["smoothed_body"]


def test_its_name_and_meaning_are_those_of_the_function(smoothed_body: Feature) -> None:
    assert smoothed_body.name == "smoothed_body"
    assert smoothed_body.meaning == "Mean over 8 bars of the body as a share of the close before"


@pytest.mark.usefixtures("smoothed_body")
def test_both_engines_compute_a_window_over_a_defined_array() -> None:
    bars = random_bars(200)
    body = (bars["close"] - bars["open"]) / bars["close"].shift(1)
    batch = compute_features(bars, ["smoothed_body"])["smoothed_body"]
    np.testing.assert_allclose(batch, body.rolling(8).mean(), rtol=1e-9, atol=1e-15)
    live = LiveFeatures(["smoothed_body"], ["A-USD"], 60)
    live.open({"A-USD": bars})
    assert live.rows(["A-USD"])[0, 0] == pytest.approx(batch.iloc[-1], rel=1e-9)


@pytest.mark.usefixtures("smoothed_body")
def test_a_name_is_given_once() -> None:
    with pytest.raises(SchemaMismatchError, match="two features are called smoothed_body"):
        feature(Group.OWN, ("close",), 1, unit=Unit.SHARE, name="smoothed_body")(
            lambda of: of.close
        )


def test_another_formula_under_the_same_name_is_another_schema(smoothed_body: Feature) -> None:
    hashes = {schema_hash(["smoothed_body"])}
    for compute in (lambda of: 2 * smoothed_body.compute(of), lambda of: of.close / of.open):
        REGISTER["smoothed_body"] = replace(smoothed_body, compute=compute)
        hashes.add(schema_hash(["smoothed_body"]))
    REGISTER["smoothed_body"] = replace(smoothed_body, compute=lambda of: smoothed_body.compute(of))
    assert len(hashes) == 3
    assert schema_hash(["smoothed_body"]) in hashes


@pytest.mark.usefixtures("smoothed_body")
def test_a_window_over_a_leader_is_refused() -> None:
    del REGISTER["smoothed_body"]

    @feature(Group.OWN, ("close",), 20, unit=Unit.SHARE, name="smoothed_body", leaders=(BITCOIN,))
    def _(of: Indicators) -> Array:
        led = of.define("led", lambda of: of.leader(BITCOIN, REGISTER["gap"]))
        return of.sma(led, 10)

    with pytest.raises(SchemaMismatchError, match=BITCOIN):
        LiveFeatures(["smoothed_body"], [BITCOIN], 60)
