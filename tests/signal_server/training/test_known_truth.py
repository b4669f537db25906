"""On simulated forecasts the figures say what is true, at the rate that they promise."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from signal_server.core.domain import Direction
from signal_server.training.bootstrap import Resampling
from signal_server.training.significance import significance
from signal_server.training.validation import validate
from signal_server.training.verdict import Finding, Verdict
from tests.signal_server.training.worlds import evaluation

WORLDS = 60


@pytest.fixture(scope="module")
def without_skill():
    """Validations of forecasts that know nothing."""
    return [validate(evaluation(seed)) for seed in range(WORLDS)]


def test_without_skill_the_verdict_is_to_pivot(without_skill):
    assert sum(result.verdict is Verdict.PIVOT for result in without_skill) >= 0.93 * WORLDS
    assert all(result.verdict is not Verdict.PROCEED for result in without_skill)


@pytest.mark.parametrize(
    ("interval", "chance"),
    [
        (lambda result: result.accuracy_interval, 0.5),
        (lambda result: result.top_tenth.interval, 0.5),
        (lambda result: result.auc.interval, 0.5),
        (lambda result: result.confidence_rank.interval, 0.0),
        (lambda result: result.selections[2].move_bps.interval, 0.0),
    ],
    ids=["accuracy", "top tenth", "auc", "confidence rank", "move"],
)
def test_without_skill_intervals_hold_chance_about_as_often_as_they_say(
    without_skill, interval, chance
):
    held = sum(interval(result).contains(chance) for result in without_skill)
    assert stats.binom.cdf(held, WORLDS, 0.95) > 0.002


@pytest.mark.parametrize("name", ["accuracy_p", "log_loss_p"])
def test_without_skill_p_values_are_uniform(without_skill, name):
    values = [getattr(result.significance, name) for result in without_skill]
    assert stats.kstest(values, "uniform").pvalue > 0.01


def test_three_classes_and_gaps_leave_p_values_uniform():
    values = []
    for seed in range(40):
        made = evaluation(seed, days=10)
        rng = np.random.default_rng(seed)
        kept = np.flatnonzero(rng.random(len(made.labels)) < 0.7)
        flat = np.abs(made.outcomes.returns) < 2e-4
        chances = np.column_stack([made.probabilities[:, 0], np.full(len(flat), 0.3),
                                   made.probabilities[:, 1]])  # fmt: skip
        values.append(significance(_three(made, chances, flat, kept)).log_loss_p)
    assert stats.kstest(values, "uniform").pvalue > 0.01


def _three(made, chances, flat, kept):
    labels = np.where(flat, 1, made.labels * 2).astype(np.int8)
    outcomes = replace(
        made.outcomes,
        returns=made.outcomes.returns[kept],
        known_at=made.outcomes.known_at[kept],
        symbol_codes=made.outcomes.symbol_codes[kept],
    )
    return replace(
        made,
        classes=(Direction.DOWN, Direction.FLAT, Direction.UP),
        probabilities=(chances / chances.sum(axis=1, keepdims=True))[kept],
        labels=labels[kept],
        time=made.time[kept],
        outcomes=outcomes,
    )


def test_shuffling_single_rows_would_find_an_edge_where_there_is_none():
    blocks, rows = [], []
    for seed in range(100):
        made = evaluation(seed, days=1)
        blocks.append(significance(made).accuracy_p)
        rows.append(significance(replace(made, horizon_s=60)).accuracy_p)
    assert np.mean(np.array(rows) < 0.05) > 0.15
    assert np.mean(np.array(blocks) < 0.05) < 0.13


def test_a_little_skill_is_found_though_it_is_not_enough():
    results = [validate(evaluation(seed, skill=0.03, days=40)) for seed in range(10)]
    found = [result for result in results if result.finding is not Finding.NO_EDGE]
    assert len(found) >= 8
    assert all(result.significance.log_loss_p < 0.05 for result in found)


def test_much_skill_is_worth_proceeding():
    result = validate(evaluation(1, skill=0.12, days=40))
    assert result.verdict is Verdict.PROCEED
    assert result.auc.interval.low > 0.55
    assert result.confidence_rank.interval.low > 0.0
    assert result.significance.log_loss_p < 0.002


def test_skill_that_does_not_pay_its_costs_is_said_to_lose():
    result = validate(evaluation(1, skill=0.12, days=40))
    assert "bps (-" in result.sentence
    assert "after costs of 58 bps" in result.sentence


def test_the_interval_of_a_mean_of_overlapping_rows_covers_it_even_in_few_blocks():
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        values = np.repeat(rng.normal(size=8), 25) + rng.normal(size=200)
        found = Resampling.of(np.repeat(np.arange(8), 25), seed).mean(values)
        held += found.interval.contains(0.0)
    assert 0.92 <= held / 300 <= 0.98
