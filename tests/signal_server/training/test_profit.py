"""Money is counted with costs, for buys alone, and one position a symbol at a time."""

from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.domain import Direction
from signal_server.training.bootstrap import Resampling, time_blocks
from signal_server.training.profit import say_worth, selections
from tests.signal_server.training.worlds import HORIZON_ROWS, evaluation


def _selections(made):
    return selections(made, Resampling.of(time_blocks(made.time, made.horizon_s), made.seed))


def test_a_buy_earns_its_return_less_the_costs():
    made = evaluation(0, costs_bps=10.0)
    (found,) = (one for one in _selections(made) if one.top_share == 0.10)
    bought = (made.predicted == 1) & (made.confidence >= found.min_confidence)
    assert found.buys == bought.sum()
    assert found.net_bps.value == pytest.approx(made.outcomes.returns[bought].mean() * 1e4 - 10)


def test_costs_move_the_interval_and_nothing_else():
    free, dear = (_selections(evaluation(0, costs_bps=costs))[0] for costs in (0.0, 58.0))
    assert free.net_bps.value - dear.net_bps.value == pytest.approx(58)
    assert free.net_bps.interval.low - dear.net_bps.interval.low == pytest.approx(58)
    assert free.move_bps == dear.move_bps


def test_a_call_of_down_gains_when_the_price_falls():
    made = evaluation(0)
    sure = np.where(made.outcomes.returns > 0, 0.9, 0.1)
    made = replace(made, probabilities=np.column_stack([1 - sure, sure]))
    found = _selections(made)[-1]
    assert found.min_confidence == 0.60
    assert found.move_bps.value == pytest.approx(np.abs(made.outcomes.returns).mean() * 1e4)


def test_trades_of_a_symbol_do_not_overlap():
    made = evaluation(0, symbols=2)
    every = np.ones(len(made.labels), dtype=np.bool_)
    rows = made.trades(every)
    assert len(rows) == 2 * -(-len(made.labels) // 2 // HORIZON_ROWS)
    for code in (0, 1):
        mine = rows[made.outcomes.symbol_codes[rows] == code]
        assert (made.time[mine[1:]] >= made.outcomes.known_at[mine[:-1]]).all()


def test_where_only_buys_have_a_return_rows_are_ranked_by_the_chance_of_up():
    made = evaluation(0)
    made = replace(made, outcomes=replace(made.outcomes, long_only=True, costs_bps=0.0))
    found = _selections(made)[0]
    assert found.move_bps is None
    assert found.rows == found.buys
    assert found.min_confidence > np.quantile(made.probabilities[:, 1], 0.98)


def test_every_selection_counts_as_a_trial():
    found = _selections(evaluation(0, days=40, trials=25))[0]
    assert found.sharpe.trials == 100
    assert found.sharpe.periods == 40


def test_a_model_that_always_says_flat_is_ranked_by_what_it_thinks_likelier_of_the_others():
    made = evaluation(0)
    up = made.probabilities[:, 1]
    flat = np.column_stack([0.2 * (1 - up), np.full(len(up), 0.8), 0.2 * up])
    classes = (Direction.DOWN, Direction.FLAT, Direction.UP)
    made = replace(made, classes=classes, probabilities=flat, labels=made.labels * 2)
    (top, _, tenth) = _selections(made)
    assert (top.top_share, tenth.top_share) == (0.01, 0.10)
    strength = np.maximum(up, 1 - up)
    assert top.min_confidence == pytest.approx(0.2 * np.quantile(strength, 0.99), rel=0.01)
    assert not (made.sides != 0).any()


def test_without_outcomes_there_is_no_money_to_speak_of():
    assert _selections(replace(evaluation(0), outcomes=None)) == ()
    assert say_worth((), 58.0) == ""


def test_knowing_the_future_pays():
    made = evaluation(0, days=40)
    sure = np.where(made.outcomes.returns > 0.0065, 0.9, 0.3)
    made = replace(made, probabilities=np.column_stack([1 - sure, sure]))
    found = _selections(replace(made, outcomes=replace(made.outcomes, costs_bps=1.0)))
    assert all(one.net_bps is None or one.net_bps.interval.low > 0 for one in found)
