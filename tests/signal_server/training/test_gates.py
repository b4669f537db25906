"""A new version replaces the old one only when its test part passes every gate."""

import re
from dataclasses import replace

import pytest

from signal_server.core.config import GatesConfig
from signal_server.training.bootstrap import Interval
from signal_server.training.gates import objections
from signal_server.training.train import train
from signal_server.training.validation import Validation
from signal_server.training.verdict import Accuracy, ConfidentCalls

GATES = GatesConfig(min_accuracy=0.55, min_trades=100, max_calibration_error=0.03)


@pytest.fixture(scope="module")
def validation(make_bars, make_spec) -> Validation:
    bars = {"BTC-USD": make_bars(momentum=0.5, count=2000)}
    found = train(bars, make_spec(), lambda _stage, _share: None).card.validation
    return replace(found, calibration_error=0.01, confident=_calls(0.58, 150))


def _calls(accuracy: float, trades: int) -> ConfidentCalls:
    measured = Accuracy(5000, 400, accuracy, Interval(accuracy - 0.02, accuracy + 0.02), 0.5)
    return ConfidentCalls(measured, trades)


def test_a_good_model_passes(validation):
    assert objections(validation, GATES) == ()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"confident": None}, "0 trades at confidence 0.60 and above, fewer than 100"),
        ({"confident": _calls(0.58, 99)}, "99 trades at confidence 0.60 and above, fewer than 100"),
        ({"confident": _calls(0.55, 150)}, "55.00% right at .* not above 55.00%"),
        ({"calibration_error": 0.031}, "calibration error 3.10%, above 3.00%"),
    ],
)
def test_each_gate_says_what_is_missing(validation, change, sentence):
    found = objections(replace(validation, **change), GATES)
    assert len(found) == 1
    assert re.search(sentence, found[0])


def test_a_finding_of_the_audit_is_an_objection(validation):
    found = objections(validation, GATES, ("feature x looks ahead",))
    assert found == ("the audit found: feature x looks ahead",)


def test_all_objections_are_told_at_once(validation):
    bad = replace(validation, calibration_error=0.2, confident=_calls(0.4, 3))
    assert len(objections(bad, GATES, ("a leak",))) == 4
