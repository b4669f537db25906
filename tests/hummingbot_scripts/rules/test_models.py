from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from hummingbot_scripts.ml_signals.rules import Reason, Side, SignalView
from hummingbot_scripts.ml_signals.rules.models import refuse_model

SIGNAL = SignalView(
    id=1,
    symbol="BTC-USD",
    direction=Side.UP,
    confidence=Decimal("0.7"),
    valid_until=datetime(2026, 3, 1, tzinfo=UTC),
    model="direction-2h",
    schema="1b2c3d",
)


@pytest.mark.parametrize(
    "allowed",
    [
        (),
        ("direction-2h",),
        ("trend-10m", "direction-2h"),
        ("direction-2h@1b2c3d",),
        ("direction-2h@1b2",),
        ("direction-2h@ffff", "direction-2h@1b"),
    ],
)
def test_a_model_that_is_named_or_not_restricted_may_be_followed(allowed: Collection[str]) -> None:
    assert refuse_model(SIGNAL, allowed) is None


def test_a_model_that_is_not_named_is_refused() -> None:
    assert refuse_model(SIGNAL, ("trend-10m", "direction")) is Reason.MODEL_NOT_ALLOWED


def test_a_model_with_another_schema_is_refused() -> None:
    assert refuse_model(SIGNAL, ("direction-2h@9",)) is Reason.WRONG_SCHEMA
    assert refuse_model(replace(SIGNAL, schema=""), ("direction-2h@1",)) is Reason.WRONG_SCHEMA
