"""Training is honest: no edge is found where there is none, and a planted one is."""

from dataclasses import replace

import numpy as np
import pytest

from signal_server.core.config import LabelKind
from signal_server.core.domain import Direction
from signal_server.training.splits import split_by_time
from signal_server.training.train import evaluate, fit_model, train
from signal_server.training.verdict import Finding


def _fit_and_evaluate(dataset, spec):
    split = split_by_time(dataset.time, dataset.known_at, spec.training)
    fit = fit_model(dataset, split, spec, lambda _stage, _share: None)
    return evaluate(dataset, split.test, fit, spec)


def _train(bars_by_symbol, spec):
    return train(bars_by_symbol, spec, lambda _stage, _share: None)


def _with_another_future(bars, moment, other):
    changed = bars.copy()
    later = changed.index >= moment
    changed.loc[later] = other.loc[later]
    return changed


def test_random_walks_give_no_edge_and_intervals_that_contain_the_majority_rate(
    make_dataset, make_spec
):
    spec = make_spec(horizon_s=900)
    results = [_fit_and_evaluate(make_dataset(seed=seed), spec) for seed in range(8)]
    assert {result.finding for result in results} == {Finding.NO_EDGE}
    assert sum(r.accuracy_interval.contains(r.majority_rate) for r in results) >= 7
    assert all(r.log_loss == pytest.approx(r.chance_log_loss, abs=0.01) for r in results)


def test_planted_momentum_is_found(make_dataset, make_spec):
    result = _fit_and_evaluate(make_dataset(momentum=0.5), make_spec(horizon_s=900))
    assert result.finding is Finding.EDGE
    assert result.accuracy > result.majority_rate + 0.05
    assert result.log_loss_gain_interval.low > 0
    assert result.top_tenth.accuracy > result.accuracy


def test_confidence_in_planted_momentum_means_what_it_says(make_dataset, make_spec):
    dataset = make_dataset(momentum=0.5, rows=20_000)
    result = _fit_and_evaluate(dataset, make_spec(horizon_s=900))
    assert result.calibration_error < 0.04
    for found in result.confidence_bins:
        if found.independent_rows > 150:
            assert found.accuracy == pytest.approx(found.mean_confidence, abs=0.08)


def test_a_planted_leak_shows_as_an_accuracy_too_good_to_be_true(make_dataset, make_spec):
    dataset = make_dataset()
    dataset.features[:, 0] = dataset.labels
    assert _fit_and_evaluate(dataset, make_spec(horizon_s=900)).accuracy > 0.99


def test_bars_of_the_test_part_change_neither_booster_nor_calibration(make_bars, make_spec):
    bars, spec = make_bars(momentum=0.4, count=3000), make_spec(horizon_s=600)
    first = _train({"BTC-USD": bars}, spec)
    other = make_bars(momentum=-0.4, count=3000, seed=9)
    changed = _with_another_future(bars, first.card.windows.test.start, other)
    second = _train({"BTC-USD": changed}, spec)
    assert second.booster == first.booster
    assert second.calibration == first.calibration
    assert second.card.windows == first.card.windows
    assert second.card.validation != first.card.validation


def test_bars_of_the_calibration_part_do_not_change_the_booster(make_bars, make_spec):
    bars, spec = make_bars(momentum=0.4, count=3000), make_spec(horizon_s=600)
    first = _train({"BTC-USD": bars}, spec)
    other = make_bars(momentum=-0.4, count=3000, seed=9)
    changed = _with_another_future(bars, first.card.windows.calibration.start, other)
    second = _train({"BTC-USD": changed}, spec)
    assert second.booster == first.booster
    assert second.calibration != first.calibration


def test_the_same_bars_and_spec_give_the_same_model(make_bars, make_spec):
    bars = {"BTC-USD": make_bars(count=3000), "ETH-USD": make_bars(count=3000, seed=2)}
    assert _train(bars, make_spec()) == _train(bars, make_spec())


def test_momentum_in_bars_is_found_through_the_real_features(make_bars, make_spec):
    bars = {
        "BTC-USD": make_bars(momentum=0.6, count=8000),
        "ETH-USD": make_bars(momentum=0.6, count=8000, seed=2),
    }
    validation = _train(bars, make_spec(horizon_s=120, row_stride_bars=2)).card.validation
    assert validation.finding is Finding.EDGE
    assert validation.accuracy > 0.55


def test_a_random_walk_in_bars_has_no_edge(make_bars, make_spec):
    bars = {"BTC-USD": make_bars(count=8000), "ETH-USD": make_bars(count=8000, seed=2)}
    validation = _train(bars, make_spec(horizon_s=300, row_stride_bars=3)).card.validation
    assert validation.accuracy_interval.contains(validation.majority_rate)
    assert validation.finding is Finding.NO_EDGE


def test_a_trend_profile_has_three_classes(make_bars, make_spec):
    trained = _train({"BTC-USD": make_bars(count=4000)}, make_spec(kind=LabelKind.TREND))
    assert trained.card.classes == (Direction.DOWN, Direction.FLAT, Direction.UP)
    assert trained.calibration.class_count == 3
    assert trained.card.validation.chance_log_loss == pytest.approx(np.log(3))


def test_the_card_tells_what_the_model_was_made_of(make_bars, make_spec):
    card = _train({"BTC-USD": make_bars(count=3000)}, make_spec()).card
    assert card.id == "planted"
    assert card.bar_seconds == 60
    assert card.symbols == ("BTC-USD",)
    assert len(card.feature_hashes) == len(card.feature_names)
    assert card.trade_count_features == ()
    assert card.windows.calibration.last_known_at < card.windows.test.start
    assert card.lineage.packages["xgboost"].startswith("3.")
    assert len(card.data_fingerprint) == 64


def test_progress_names_its_stages_in_order(make_bars, make_spec):
    seen = []
    train(
        {"BTC-USD": make_bars(count=3000)},
        make_spec(),
        lambda stage, share: seen.append((stage, share)),
    )
    stages = list(dict.fromkeys(stage for stage, _ in seen))
    assert stages == ["features", "booster", "calibration", "validation"]
    assert all(0 < share <= 1 for _, share in seen)
    assert dict(seen) == dict.fromkeys(stages, 1.0)


def test_without_a_refit_the_evaluated_booster_is_served(make_bars, make_spec):
    trained = _train({"BTC-USD": make_bars(count=3000)}, make_spec())
    assert trained.evaluated is None
    assert trained.card.served_window == trained.card.windows.train
    assert trained.card.served_rounds == trained.card.rounds


def test_a_refit_is_served_and_everything_that_was_measured_stays(make_bars, make_spec):
    bars = {"BTC-USD": make_bars(momentum=0.4, count=3000)}
    plain, refitted = _train(bars, make_spec()), _train(bars, make_spec(refit=True))
    assert refitted.evaluated == plain.booster
    assert refitted.booster != plain.booster
    assert refitted.calibration == plain.calibration
    assert refitted.card.validation == plain.card.validation
    assert refitted.card.windows == plain.card.windows
    assert refitted == _train(bars, make_spec(refit=True))


def test_the_card_tells_which_rows_the_served_booster_has_seen(make_bars, make_spec):
    card = _train({"BTC-USD": make_bars(momentum=0.4, count=3000)}, make_spec(refit=True)).card
    assert card.served_window.start == card.windows.train.start
    assert card.served_window.end == card.windows.test.end
    assert card.served_window.rows > sum(
        window.rows for window in (card.windows.train, card.windows.test)
    )
    grown = card.served_window.rows / card.windows.train.rows
    assert card.served_rounds == round(card.rounds * grown**0.5)


def test_the_card_tells_what_moves_the_forecasts(make_bars, make_spec):
    bars = {"BTC-USD": make_bars(momentum=0.6, count=8000)}
    card = _train(bars, make_spec(horizon_s=120, row_stride_bars=2)).card
    assert set(card.gain_shares) == set(card.shap_means)
    assert all(value > 0 for value in card.shap_means.values())


def test_a_model_of_one_symbol_learns_from_its_rows_alone(make_bars, make_spec):
    bars = {"BTC-USD": make_bars(count=3000), "ETH-USD": make_bars(count=3000, seed=2)}
    one = _train(bars, replace(make_spec(), symbols=("ETH-USD",)))
    alone = _train({"ETH-USD": bars["ETH-USD"]}, make_spec())
    assert one.card.symbols == ("ETH-USD",)
    assert one.booster == alone.booster
