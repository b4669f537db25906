"""The summary puts each figure beside what needs no model."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import Direction
from signal_server.training.evaluation import Evaluation, Rival
from signal_server.training.summary import describe
from signal_server.training.validation import Validation, validate
from tests.signal_server.training import worlds


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


def test_money_baselines_and_significance_have_lines():
    made = worlds.evaluation(0, days=40, trials=3)
    rival = Rival("a coin", np.zeros(len(made.labels), dtype=np.int8), made.probabilities)
    lines = {line.what: line for line in describe(validate(replace(made, rivals=(rival,))))}
    assert lines["accuracy gained on a coin"].beside.startswith("it gets ")
    assert "1,000 shuffles" in lines["labels shuffled in blocks do as well"].beside
    assert lines["AUC, up against down"].beside == "chance 0.5"
    assert any(what.endswith("a buy after costs of 58 bps") for what in lines)
    assert any("best of 12 trials" in line.beside for line in lines.values())
    said = "0 said by training.prior_trials, 0 tuned, 3 run; each 4 selections"
    assert (lines["models tried"].value, lines["models tried"].beside) == ("3", said)


def test_calls_asked_for_but_not_made_are_said():
    made = worlds.evaluation(0, days=2)
    flat = np.full((len(made.labels), 2), 0.5)
    lines = {line.what: line for line in describe(validate(replace(made, probabilities=flat)))}
    assert lines["up or down at 0.60 and above"].value == "no call"
    assert lines["models tried"].beside.endswith("each 4 selections")


def test_returns_without_costs_are_said_to_be_before_them():
    lines = describe(validate(worlds.evaluation(0, days=2, costs_bps=0.0)))
    assert any(line.what.endswith("a buy before costs") for line in lines)
