"""The figures are right on hand-worked rows, and intervals hold what they promise."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter

from signal_server.core.domain import Direction
from signal_server.training.bootstrap import (
    Estimate,
    Interval,
    Resampling,
    independent_rows,
    mean_interval,
    time_blocks,
)
from signal_server.training.evaluation import Evaluation, Rival
from signal_server.training.validation import Validation, validate
from signal_server.training.verdict import Finding
from tests.signal_server.training import worlds

TWO = (Direction.DOWN, Direction.UP)
THREE = (Direction.DOWN, Direction.FLAT, Direction.UP)


def _evaluation(probabilities, labels, *, classes=TWO, step_s=300, horizon_s=300):
    probabilities = np.asarray(probabilities, dtype=np.float64)
    return Evaluation(
        classes=classes,
        probabilities=probabilities,
        labels=np.asarray(labels, dtype=np.int8),
        time=pd.date_range("2024-01-01", periods=len(labels), freq=f"{step_s}s", tz="UTC"),
        horizon_s=horizon_s,
        seed=7,
    )


def _overlapping_walk(seed, *, rows=1500, overlap=6):
    """Return a random walk's UP/DOWN labels over `overlap` rows and forecasts that know nothing."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=rows + overlap)
    ahead = np.convolve(steps, np.ones(overlap), mode="valid")[:rows]
    said_up = np.repeat(rng.random(rows // 20 + 1), 20)[:rows]
    return np.column_stack([1 - said_up, said_up]), (ahead > 0).astype(np.int8)


def test_four_hand_worked_rows():
    result = validate(_evaluation([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]], [0, 1, 0, 1]))
    assert result.rows == 4
    assert result.accuracy == 0.75
    assert result.majority_rate == 0.5
    assert result.log_loss == pytest.approx(-np.log([0.8, 0.6, 0.3, 0.9]).mean())
    assert result.chance_log_loss == pytest.approx(np.log(2))
    assert result.base_rate_log_loss == pytest.approx(np.log(2))
    assert result.brier == pytest.approx(2 * (0.04 + 0.16 + 0.49 + 0.01) / 4)
    assert result.base_rate_brier == pytest.approx(0.5)
    assert result.class_shares[0].actual == 0.5
    assert result.class_shares[0].predicted == 0.25


def test_confidence_bins_count_every_row_once():
    rng = np.random.default_rng(0)
    up = rng.random(500)
    result = validate(_evaluation(np.column_stack([1 - up, up]), rng.integers(0, 2, 500)))
    assert sum(found.rows for found in result.confidence_bins) == 500
    assert all(found.low <= found.mean_confidence <= found.high for found in result.confidence_bins)


def test_the_base_rate_is_the_test_part_s_own_and_so_the_hardest_constant_to_beat():
    result = validate(_evaluation([[0.5, 0.5]] * 4, [0, 1, 1, 1]))
    assert result.base_rate_log_loss == pytest.approx(-np.log([0.25, 0.75, 0.75, 0.75]).mean())
    assert result.log_loss == pytest.approx(result.chance_log_loss)
    assert result.log_loss_gain < 0


def test_a_bin_shows_its_own_accuracy():
    rows = [[0.39, 0.61]] * 4 + [[0.45, 0.55]] * 2
    low, high = validate(_evaluation(rows, [1, 1, 1, 0, 0, 1])).confidence_bins
    assert (low.low, low.high, low.rows, low.accuracy) == (0.54, 0.56, 2, 0.5)
    assert (high.low, high.high, high.rows, high.accuracy) == (0.60, 0.65, 4, 0.75)
    assert high.mean_confidence == pytest.approx(0.61)


def test_certainty_falls_into_the_last_bin():
    (only,) = validate(_evaluation([[0.0, 1.0]] * 3, [1, 1, 1])).confidence_bins
    assert (only.low, only.high, only.rows) == (0.8, 1.0, 3)


def test_the_calibration_error_of_honest_probabilities_is_small_and_of_boasts_is_their_boast():
    rng = np.random.default_rng(1)
    up = rng.uniform(0.3, 0.7, 50_000)
    labels = (rng.random(50_000) < up).astype(np.int8)
    honest = validate(_evaluation(np.column_stack([1 - up, up]), labels))
    boast = validate(_evaluation([[0.1, 0.9]] * 50_000, rng.integers(0, 2, 50_000)))
    assert honest.calibration_error < 0.01
    assert boast.calibration_error == pytest.approx(0.4, abs=0.01)


def test_the_interval_holds_the_truth_about_as_often_as_it_says_though_rows_overlap():
    held = 0
    for seed in range(100):
        probabilities, labels = _overlapping_walk(seed)
        result = validate(_evaluation(probabilities, labels, horizon_s=1800))
        held += result.accuracy_interval.contains(0.5)
    assert held / 100 >= 0.88


def test_ignoring_the_overlap_would_make_the_interval_too_narrow():
    probabilities, labels = _overlapping_walk(0)
    aware = validate(_evaluation(probabilities, labels, horizon_s=1800)).accuracy_interval
    correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    naive = mean_interval(correct, np.arange(len(labels), dtype=np.int64), seed=7)
    assert aware.high - aware.low > 1.3 * (naive.high - naive.low)


def test_independent_rows_are_the_span_over_the_horizon_for_any_number_of_symbols():
    time = pd.date_range("2024-01-01", periods=600, freq="60s", tz="UTC")
    assert independent_rows(time, 600) == 60
    assert independent_rows(time.repeat(4), 600) == 60


def test_symbols_of_one_moment_share_a_block():
    time = pd.date_range("2024-01-01", periods=600, freq="60s", tz="UTC").repeat(2)
    blocks = time_blocks(time, 60)
    assert (blocks[0::2] == blocks[1::2]).all()
    assert set(blocks) == set(range(blocks.max() + 1))


def test_a_gap_in_time_leaves_no_empty_block():
    early = pd.date_range("2024-01-01", periods=100, freq="60s", tz="UTC")
    blocks = time_blocks(early.append(early + pd.Timedelta(days=30)), 60)
    assert set(blocks) == set(range(blocks.max() + 1))


def test_an_interval_is_repeatable_by_its_seed():
    values = np.random.default_rng(0).random(200)
    blocks = np.arange(200, dtype=np.int64) // 4
    assert mean_interval(values, blocks, 1) == mean_interval(values, blocks, 1)
    assert mean_interval(values, blocks, 1) != mean_interval(values, blocks, 2)


def test_forecasts_that_know_nothing_get_no_edge():
    probabilities, labels = _overlapping_walk(0, rows=5000)
    result = validate(_evaluation(probabilities, labels, horizon_s=1800))
    assert result.finding is Finding.NO_EDGE
    assert result.sentence.startswith("PIVOT: no edge; accuracy")
    assert "contains the majority rate" in result.sentence


def test_forecasts_that_know_something_get_an_edge():
    rng = np.random.default_rng(2)
    up = rng.uniform(0.3, 0.7, 5000)
    labels = (rng.random(5000) < up).astype(np.int8)
    result = validate(_evaluation(np.column_stack([1 - up, up]), labels))
    assert result.finding is Finding.EDGE
    assert "lies above the majority rate" in result.sentence
    assert result.log_loss_gain_interval.low > 0


def test_knowing_when_the_price_moves_but_not_where_is_no_edge_in_direction():
    rng = np.random.default_rng(3)
    wild = rng.random(6000) < 0.4
    side = rng.integers(0, 2, 6000) * 2
    labels = np.where(wild, side, 1)
    said = np.where(wild[:, None], [[0.42, 0.16, 0.42]], [[0.05, 0.9, 0.05]])
    said[:, 0] += rng.uniform(-0.02, 0.02, 6000)
    said[:, 2] = 1 - said[:, 0] - said[:, 1]
    result = validate(_evaluation(said, labels, classes=THREE))
    assert result.accuracy_interval.low > result.majority_rate
    assert result.finding is Finding.PROBABILITIES
    assert "of the rows that moved" in result.sentence


def test_few_independent_horizons_leave_it_undecided():
    result = validate(_evaluation([[0.1, 0.9]] * 100, [1] * 100, step_s=60, horizon_s=600))
    assert result.finding is Finding.TOO_FEW
    assert result.independent_rows == 10


def test_rows_of_which_none_moved_have_no_direction():
    result = validate(_evaluation([[0.2, 0.6, 0.2]] * 50, [1] * 50, classes=THREE))
    assert result.direction is None
    assert result.finding is not Finding.EDGE


@pytest.mark.parametrize(
    "evaluation",
    [
        _evaluation(*_overlapping_walk(0)),
        _evaluation([[0.1, 0.9]], [1]),
        _evaluation([[0.2, 0.6, 0.2]] * 50, [1] * 50, classes=THREE),
        worlds.evaluation(0, days=40, trials=10),
    ],
    ids=["walk", "one row", "constant", "with money"],
)
def test_results_go_through_json_unchanged_and_without_nan(evaluation):
    result = validate(evaluation)
    adapter = TypeAdapter(Validation)
    content = adapter.dump_json(result)
    assert json.loads(content, parse_constant=pytest.fail)["accuracy"] == result.accuracy
    assert adapter.validate_json(content) == result


def test_a_handful_of_rows_in_one_stretch_is_no_certainty():
    rows = [[0.5, 0.5]] * 3000
    rows[100:105] = [[0.1, 0.9]] * 5
    labels = np.random.default_rng(0).integers(0, 2, 3000)
    labels[100:105] = [1, 1, 0, 1, 1]
    found = validate(_evaluation(rows, labels)).confidence_bins[-1]
    assert (found.rows, found.accuracy) == (5, 0.8)
    assert found.interval == Interval(0.0, 1.0)


@pytest.mark.parametrize(("calls", "lowest"), [(3, 0.292), (10, 0.692)])
def test_a_few_calls_that_are_all_right_or_all_wrong_are_no_certainty(calls, lowest):
    blocks = Resampling.of(np.arange(50), seed=1)
    inside = np.arange(50) < calls
    right = blocks.share(np.ones(50), inside).interval
    wrong = blocks.share(np.zeros(50), inside).interval
    assert (right.low, right.high) == (pytest.approx(lowest, abs=1e-3), 1.0)
    assert (wrong.low, wrong.high) == (0.0, pytest.approx(1 - lowest, abs=1e-3))


def test_right_calls_of_one_block_say_nothing_of_others():
    together = Resampling.of(np.arange(50) // 10, seed=1)
    found = together.share(np.ones(50), np.arange(50) < 5)
    assert (found.value, found.interval.low, found.interval.high) == (1.0, 0.0, 1.0)


def test_rivals_are_compared_on_the_same_rows():
    rng = np.random.default_rng(4)
    up = rng.uniform(0.3, 0.7, 5000)
    labels = (rng.random(5000) < up).astype(np.int8)
    said = np.column_stack([1 - up, up])
    chance = Rival("coin", rng.integers(0, 2, 5000).astype(np.int8))
    same = Rival("same", (up > 0.5).astype(np.int8), said)
    result = validate(replace(_evaluation(said, labels), rivals=(chance, same)))
    coin, twin = result.rivals
    assert coin.accuracy_gain.interval.low > 0
    assert (coin.log_loss, coin.log_loss_gain) == (None, None)
    assert twin.accuracy_gain == Estimate(0.0, Interval(0.0, 0.0))
    assert twin.log_loss == pytest.approx(result.log_loss)


def test_periods_cover_every_row_in_order():
    result = validate(worlds.evaluation(0, days=40))
    assert len(result.over_time) == 6
    assert sum(period.rows for period in result.over_time) == result.rows
    assert all(a.end < b.start for a, b in pairwise(result.over_time))
    weighted = sum(p.accuracy.value * p.rows for p in result.over_time) / result.rows
    assert weighted == pytest.approx(result.accuracy)
