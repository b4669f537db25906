"""The verdict follows the numbers of the specification."""

import pytest

from signal_server.training.bootstrap import Interval
from signal_server.training.verdict import (
    Accuracy,
    ConfidentCalls,
    Finding,
    Verdict,
    find,
    judge,
    sentence,
)

OVERALL = Accuracy(50_000, 5000, 0.52, Interval(0.49, 0.54), 0.51)


def _confident(value=0.60, low=0.56, *, trades=100, independent=30, majority=0.5):
    accuracy = Accuracy(2000, independent, value, Interval(low, 0.7), majority)
    return ConfidentCalls(accuracy, trades)


@pytest.mark.parametrize(
    ("confident", "expected"),
    [
        (_confident(), Verdict.PROCEED),
        (_confident(trades=99), Verdict.OPTIMISE),
        (_confident(independent=29), Verdict.OPTIMISE),
        (_confident(low=0.549), Verdict.OPTIMISE),
        (_confident(majority=0.57), Verdict.OPTIMISE),
        (None, Verdict.OPTIMISE),
    ],
)
def test_to_proceed_takes_a_hundred_trades_whose_interval_lies_above_55_percent(
    confident, expected
):
    assert judge(Finding.EDGE, confident) is expected


def test_without_any_sign_of_an_edge_it_is_to_pivot():
    assert judge(Finding.NO_EDGE, None) is Verdict.PIVOT
    assert judge(Finding.NO_EDGE, _confident(low=0.5)) is Verdict.PIVOT


@pytest.mark.parametrize("finding", [Finding.TOO_FEW, Finding.PROBABILITIES, Finding.FAINT])
def test_a_sign_of_an_edge_or_too_few_rows_are_worth_another_try(finding):
    assert judge(finding, None) is Verdict.OPTIMISE


@pytest.mark.parametrize(
    ("low", "gain", "shuffled", "expected"),
    [
        (0.52, 0.001, 0.001, Finding.EDGE),
        (0.49, 0.001, 0.001, Finding.PROBABILITIES),
        (0.49, -0.001, 0.001, Finding.FAINT),
        (0.49, -0.001, 0.2, Finding.NO_EDGE),
    ],
)
def test_the_finding_follows_the_lower_ends(low, gain, shuffled, expected):
    accuracy = Accuracy(5000, 500, 0.53, Interval(low, 0.55), 0.51)
    assert find(accuracy, accuracy, Interval(gain, 0.01), shuffled) is expected


def test_few_independent_horizons_leave_it_undecided():
    accuracy = Accuracy(5000, 29, 0.6, Interval(0.55, 0.65), 0.5)
    assert find(accuracy, accuracy, Interval(0.1, 0.2), 0.001) is Finding.TOO_FEW


def test_the_sentence_says_the_numbers_and_what_is_asked_for():
    text = sentence(Finding.EDGE, OVERALL, None, _confident(trades=12))
    assert text.startswith("OPTIMISE AND RETRY: edge before costs; accuracy 52.0%")
    assert "60.0% right (56.0% to 70.0%) in 12 trades, too few: 100 are asked for" in text


def test_the_sentence_says_when_no_call_is_confident():
    text = sentence(Finding.NO_EDGE, OVERALL, OVERALL, None)
    assert text.startswith("PIVOT: no edge; ")
    assert "no call reaches confidence 0.60" in text


def test_the_sentence_of_proceed_names_its_bar():
    text = sentence(Finding.EDGE, OVERALL, OVERALL, _confident())
    assert text.startswith("PROCEED: ")
    assert "whose interval lies above 55.0%" in text
