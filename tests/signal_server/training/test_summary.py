"""The summary puts each figure beside what needs no model."""

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import Direction
from signal_server.training.evaluation import Evaluation
from signal_server.training.summary import describe
from signal_server.training.validation import Validation, validate


@pytest.fixture
def validation() -> Validation:
    """Three classes, half of the rows flat, all said to go up."""
    labels = np.array([0, 1, 2, 1] * 50, dtype=np.int8)
    return validate(
        Evaluation(
            classes=(Direction.DOWN, Direction.FLAT, Direction.UP),
            probabilities=np.tile([0.2, 0.2, 0.6], (200, 1)),
            labels=labels,
            time=pd.date_range("2024-01-01", periods=200, freq="300s", tz="UTC"),
            horizon_s=600,
            seed=1,
        )
    )


def test_the_majority_rate_stands_beside_the_accuracy(validation):
    (line,) = (line for line in describe(validation) if line.what == "accuracy")
    assert line.value.startswith("25.00% (")
    assert line.beside == "majority class 50.00%"


def test_the_log_loss_stands_beside_chance_and_base_rate(validation):
    (line,) = (line for line in describe(validation) if line.what == "log-loss")
    assert line.beside == "chance 1.09861, base rate 1.03972"


def test_rows_are_said_to_overlap(validation):
    assert describe(validation)[0].value == "200"
    assert "about 100 independent" in describe(validation)[0].beside


def test_direction_on_moved_rows_has_its_own_line(validation):
    assert any(line.what == "up or down, 100 rows that moved" for line in describe(validation))


def test_every_confidence_bin_has_a_line_with_its_counts(validation):
    lines = [line for line in describe(validation) if line.what.startswith("confidence ")]
    assert len(lines) == len(validation.confidence_bins) == 1
    assert "said 60.00%; 200 rows, about 100 independent" in lines[0].beside
