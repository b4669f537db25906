"""Results are told symbol by symbol, each against its own majority and base rate."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import Direction
from signal_server.training.evaluation import Evaluation, Outcomes
from signal_server.training.validation import validate

ROWS = 2_000


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Forecasts of two symbols, of which the first is known well and the second not at all."""
    rng = np.random.default_rng(1)
    codes = np.tile(np.array([0, 1], dtype=np.int16), ROWS // 2)
    labels = rng.integers(0, 2, ROWS).astype(np.int8)
    up = np.where(codes == 0, np.where(labels == 1, 0.7, 0.3), 0.55)
    time = pd.date_range("2024-01-01", periods=ROWS // 2, freq="5min", tz="UTC").repeat(2)
    outcomes = Outcomes(
        returns=np.where(labels == 1, 1e-3, -1e-3),
        known_at=time + pd.Timedelta(minutes=5),
        symbol_codes=codes,
        costs_bps=10.0,
        long_only=False,
        symbols=("BTC-USD", "ETH-USD"),
    )
    return Evaluation(
        classes=(Direction.DOWN, Direction.UP),
        probabilities=np.column_stack([1 - up, up]),
        labels=labels,
        time=time,
        horizon_s=300,
        seed=1,
        outcomes=outcomes,
    )


def test_a_known_symbol_gains_and_an_unknown_one_does_not(evaluation):
    known, unknown = validate(evaluation).by_symbol
    assert (known.symbol, unknown.symbol) == ("BTC-USD", "ETH-USD")
    assert known.rows == unknown.rows == ROWS // 2
    assert known.accuracy.value == 1
    assert known.log_loss_gain.interval.low > 0
    assert unknown.accuracy.interval.contains(0.5)
    assert unknown.log_loss_gain.value < 0


def test_the_rows_together_have_the_accuracy_of_all(evaluation):
    found = validate(evaluation)
    mean = np.average(
        [one.accuracy.value for one in found.by_symbol], weights=[o.rows for o in found.by_symbol]
    )
    assert mean == pytest.approx(found.accuracy)


def test_symbols_without_names_are_not_told(evaluation):
    assert evaluation.outcomes is not None
    nameless = replace(evaluation, outcomes=replace(evaluation.outcomes, symbols=()))
    assert validate(nameless).by_symbol == ()
    assert validate(replace(evaluation, outcomes=None)).by_symbol == ()
