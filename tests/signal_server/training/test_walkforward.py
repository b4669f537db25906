"""A walk forward learns from the past alone, goes on where it was, and tells what is true."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from signal_server.core.errors import NoHistoryError
from signal_server.features.mirror import FeatureMirror
from signal_server.training import forecasts, walkforward
from signal_server.training.baselines import rivals_of
from signal_server.training.splits import Schedule, walk_steps
from signal_server.training.train import fit_model
from signal_server.training.verdict import Finding
from signal_server.training.walkforward import (
    Pace,
    WalkForward,
    folder_of,
    schedule_of,
    walk_forward,
)

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _schedule(days=4, *, every=DAY, window=10 * DAY, embargo=timedelta(seconds=900)):
    return Schedule(FIRST + 12 * DAY, FIRST + (12 + days) * DAY, every, window, embargo)


@pytest.fixture
def walk(tmp_path):
    """Run a walk into the test's folder; returns its result, folder and numbers of steps done."""

    def run(dataset, spec, schedule, *, stop_after=None, root="walks"):
        folder, seen = folder_of(tmp_path / root, dataset, spec, schedule), []

        def progress(done, total):
            seen.append((done, total))
            if done == stop_after:
                raise KeyboardInterrupt

        return walk_forward(dataset, spec, schedule, folder, progress=progress), folder, seen

    return run


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    every_h=st.integers(3, 48),
    window_d=st.integers(2, 12),
    embargo_s=st.integers(0, 20_000),
)
def test_every_model_learns_only_what_is_known_an_embargo_before_its_moment(
    make_training, seed, every_h, window_d, embargo_s
):
    rng = np.random.default_rng(seed)
    time = FIRST + pd.to_timedelta(np.cumsum(rng.integers(60, 900, 3000)), unit="s")
    known_at = time + pd.to_timedelta(rng.integers(60, 9000, 3000), unit="s")
    schedule = _schedule(
        every=timedelta(hours=every_h),
        window=window_d * DAY,
        embargo=timedelta(seconds=embargo_s),
    )
    steps = list(walk_steps(time, known_at, schedule, make_training()))
    assert steps
    for step in steps:
        learned_until = step.moment - schedule.embargo
        for part in step.split.parts[:-1]:
            assert known_at[part.rows].max() < learned_until
            assert time[part.rows].min() >= learned_until - schedule.window
        for earlier, later in pairwise(step.split.parts):
            assert known_at[earlier.rows].max() < time[later.rows].min()
        assert time[step.split.test.rows].min() >= step.moment
        assert time[step.split.test.rows].max() < step.moment + schedule.every


def test_steps_forecast_every_row_of_the_schedule_once(make_dataset, make_training):
    dataset, schedule = make_dataset(), _schedule(every=timedelta(hours=7))
    steps = walk_steps(dataset.time, dataset.known_at, schedule, make_training())
    rows = np.concatenate([step.split.test.rows for step in steps])
    inside = (dataset.time >= schedule.start) & (dataset.time < schedule.end)
    assert (rows == np.flatnonzero(inside)).all()


def test_parts_keep_the_proportions_of_the_settings(make_dataset, make_training):
    dataset = make_dataset()
    step = next(walk_steps(dataset.time, dataset.known_at, _schedule(), make_training()))
    counts = [len(part.rows) for part in step.split.parts[:-1]]
    assert counts == pytest.approx([2880 * share / 0.8 for share in (0.5, 0.15, 0.15)], abs=5)


def test_a_hole_in_the_history_leaves_out_its_steps(make_dataset, make_training):
    dataset = make_dataset()
    kept = (dataset.time < FIRST + 13 * DAY) | (dataset.time >= FIRST + 15 * DAY)
    steps = list(
        walk_steps(dataset.time[kept], dataset.known_at[kept], _schedule(), make_training())
    )
    assert [step.moment for step in steps] == [FIRST + 12 * DAY, FIRST + 15 * DAY]


def test_planted_momentum_is_found_and_a_random_walk_has_none(walk, make_dataset, make_spec):
    spec = make_spec(horizon_s=900)
    found = walk(make_dataset(momentum=0.5), spec, _schedule(8))[0]
    none = walk(make_dataset(seed=3), spec, _schedule(8))[0]
    assert found.validation.finding is Finding.EDGE
    assert none.validation.finding is Finding.NO_EDGE
    assert none.validation.rows == found.validation.rows == 8 * 288


@pytest.mark.parametrize("refit", [False, True])
def test_no_forecast_reads_what_comes_after_it(walk, make_dataset, make_spec, refit):
    dataset, spec = make_dataset(momentum=0.5), make_spec(horizon_s=900, refit=refit)
    _, folder, _ = walk(dataset, spec, _schedule())
    before = pq.read_table(folder.path / "forecasts.parquet").to_pandas()
    later = np.flatnonzero(dataset.time >= FIRST + 14 * DAY)
    dataset.labels[later] = 1 - dataset.labels[later]
    dataset.features[later[288:]] *= -1
    _, folder, _ = walk(dataset, spec, _schedule())
    after = pq.read_table(folder.path / "forecasts.parquet").to_pandas()
    same = before["p_up"] == after["p_up"]
    assert same[: 3 * 288].all()
    assert not same[3 * 288 :].all()


def test_a_refit_learns_from_the_calibration_part_too(walk, make_dataset, make_spec):
    dataset = make_dataset(momentum=0.5)
    plain = walk(dataset, make_spec(horizon_s=900), _schedule(1))[0].steps[0]
    refitted = walk(dataset, make_spec(horizon_s=900, refit=True), _schedule(1))[0].steps[0]
    assert refitted.rounds > plain.rounds
    assert refitted.train_rows == plain.train_rows


@pytest.fixture
def trained(monkeypatch):
    """The moments' numbers of train rows, one for every model that is trained."""
    rows = []

    def counting(dataset, split, spec, report):
        rows.append(len(split.train.rows))
        return fit_model(dataset, split, spec, report)

    monkeypatch.setattr(walkforward, "fit_model", counting)
    return rows


def test_a_walk_broken_off_goes_on_where_it_was(walk, make_dataset, make_spec, trained):
    dataset, spec = make_dataset(momentum=0.5), make_spec(horizon_s=900)
    with pytest.raises(KeyboardInterrupt):
        walk(dataset, spec, _schedule(), stop_after=3)
    assert len(trained) == 3
    resumed, _, seen = walk(dataset, spec, _schedule())
    assert len(trained) == 4
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert resumed == walk(dataset, spec, _schedule(), root="anew")[0]


def test_steps_made_at_the_same_time_are_the_same(make_dataset, make_spec, tmp_path):
    dataset, spec, schedule = make_dataset(momentum=0.5), make_spec(refit=True), _schedule()
    found = []
    for at_once in (1, 3):
        folder, seen = folder_of(tmp_path / str(at_once), dataset, spec, schedule), []
        found.append(
            walk_forward(
                dataset,
                spec,
                schedule,
                folder,
                progress=lambda *done, seen=seen: seen.append(done),
                at_once=at_once,
            )
        )
        assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert found[0] == found[1]


def test_steps_that_nobody_waits_for_are_broken_off(make_dataset, make_spec, tmp_path):
    endless = {"max_rounds": 100_000, "early_stopping_rounds": 100_000}
    dataset, spec, schedule = make_dataset(), make_spec(), _schedule()
    folder = folder_of(tmp_path, dataset, spec, schedule)

    def interrupted(_done, _total):
        raise KeyboardInterrupt

    first = replace(schedule, end=schedule.start + schedule.every)
    walk_forward(dataset, spec, first, folder, progress=lambda *_: None)
    spec = replace(spec, training=spec.training.overridden(endless))
    with pytest.raises(KeyboardInterrupt):
        walk_forward(dataset, spec, schedule, folder, progress=interrupted, at_once=2)
    assert len(list((folder.path / "steps").iterdir())) == 1


def test_a_longer_walk_takes_up_the_steps_of_a_shorter(walk, make_dataset, make_spec, trained):
    dataset, spec = make_dataset(), make_spec(horizon_s=900)
    walk(dataset, spec, _schedule(2))
    walk(dataset, spec, _schedule(4))
    assert len(trained) == 4


def test_steps_whose_rows_changed_are_made_again(walk, make_dataset, make_spec, trained):
    dataset, spec = make_dataset(), make_spec(horizon_s=900)
    walk(dataset, spec, _schedule())
    row = int(np.flatnonzero(dataset.time >= FIRST + 14.5 * DAY)[0])
    dataset.features[row] += 1
    walk(dataset, spec, _schedule())
    assert len(trained) == 4 + 2


def test_other_settings_have_another_folder(walk, make_dataset, make_spec, trained):
    dataset = make_dataset()
    _, first, _ = walk(dataset, make_spec(horizon_s=900), _schedule(1))
    _, second, _ = walk(dataset, make_spec(horizon_s=900, seed=8), _schedule(1))
    assert first.path != second.path
    assert len(trained) == 2


def test_a_feature_that_is_mirrored_otherwise_has_another_folder(
    make_dataset, make_spec, tmp_path, monkeypatch
):
    names = ("return_1m", "rsi_14")
    dataset, spec = replace(make_dataset(), names=names), make_spec(horizon_s=900, mirror=True)
    paths = []
    for sign in (-1.0, 1.0):
        mirror = FeatureMirror(np.full(2, sign, np.float32), np.zeros(2, np.float32))
        monkeypatch.setattr(forecasts, "mirror_of", lambda _names, said=mirror: said)
        paths.append(folder_of(tmp_path, dataset, spec, _schedule()).path)
    assert paths[0] != paths[1]


def test_a_torn_step_is_made_again(walk, make_dataset, make_spec, trained):
    dataset, spec = make_dataset(), make_spec(horizon_s=900)
    whole, folder, _ = walk(dataset, spec, _schedule(2))
    torn = sorted((folder.path / "steps").iterdir())[0]
    torn.write_bytes(torn.read_bytes()[:100])
    assert walk(dataset, spec, _schedule(2))[0] == whole
    assert len(trained) == 3


def test_a_step_with_a_flipped_bit_is_never_taken_for_whole(walk, make_dataset, make_spec):
    dataset, spec = make_dataset(), make_spec(horizon_s=900)
    _, folder, _ = walk(dataset, spec, _schedule(1))
    path = next((folder.path / "steps").iterdir())
    content = path.read_bytes()
    digest = json.loads(pq.read_table(path).schema.metadata[b"walk_forward"])["digest"]
    kept = folder.read(_schedule().start, digest)
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(content), 400):
        damaged = bytearray(content)
        damaged[place] ^= 1 << rng.integers(0, 8)
        path.write_bytes(damaged)
        found = folder.read(_schedule().start, digest)
        assert found is None or (found.probabilities == kept.probabilities).all()


def test_forecasts_are_kept_beside_what_became_of_them(walk, make_dataset, make_spec):
    dataset, spec = make_dataset(momentum=0.5), make_spec(horizon_s=900)
    result, folder, _ = walk(dataset, spec, _schedule(2))
    kept = pq.read_table(folder.path / "forecasts.parquet").to_pandas()
    assert list(kept.columns) == [
        "symbol", "close_time", "p_down", "p_up", "direction", "confidence", "label",
        "label_known_at", "return",
    ]  # fmt: skip
    assert (kept["direction"] == kept["label"]).mean() == pytest.approx(result.validation.accuracy)
    assert str(kept["close_time"].dt.tz) == "UTC"


def test_results_are_kept_as_json_without_nan(walk, make_dataset, make_spec):
    result, folder, _ = walk(make_dataset(), make_spec(horizon_s=900), _schedule(2))
    content = (folder.path / "result.json").read_bytes()
    assert TypeAdapter(WalkForward).validate_json(content) == result
    assert len(json.loads(content, parse_constant=pytest.fail)["steps"]) == 2


def test_a_refit_is_held_against_baselines_of_the_same_rows(
    walk, make_dataset, make_spec, monkeypatch
):
    seen = []

    def noting(dataset, fit_rows, rows):
        seen.append(int(fit_rows[-1]))
        return rivals_of(dataset, fit_rows, rows)

    monkeypatch.setattr(walkforward, "rivals_of", noting)
    dataset, schedule = make_dataset(momentum=0.5), _schedule(1)
    step = next(walk_steps(dataset.time, dataset.known_at, schedule, make_spec().training))
    for refit, part in ((False, step.split.train), (True, step.split.calibration)):
        walk(dataset, make_spec(horizon_s=900, refit=refit), schedule)
        assert seen.pop() == part.rows[-1]


def test_a_step_says_from_when_it_learned_where_the_window_is_longer_than_the_history(
    walk, make_dataset, make_spec
):
    dataset, spec = make_dataset(), make_spec(horizon_s=900)
    steps = walk(dataset, spec, _schedule(2, window=100 * DAY))[0].steps
    assert {step.learned_from for step in steps} == {dataset.time[0].to_pydatetime()}


def test_a_window_longer_than_the_history_is_refused_by_the_end_of_the_history(make_dataset):
    with pytest.raises(NoHistoryError, match=r"on 2024-04-10 .* last row .* of 2024-01-21"):
        schedule_of(make_dataset(), Pace(DAY, 100 * DAY, timedelta(0)), None)


def test_baselines_walk_along(walk, make_dataset, make_spec):
    result = walk(make_dataset(momentum=0.5), make_spec(horizon_s=900), _schedule(2))[0]
    last, logistic = result.validation.rivals
    assert last.log_loss is None
    assert logistic.accuracy > 0.6


def test_a_walk_without_history_says_so(walk, make_dataset, make_spec):
    early = replace(_schedule(1), start=FIRST - 5 * DAY, end=FIRST - 4 * DAY)
    with pytest.raises(NoHistoryError, match="backfill a longer history"):
        walk(make_dataset(), make_spec(horizon_s=900), early)


def test_a_schedule_starts_a_window_after_the_first_row_and_ends_with_the_last(make_dataset):
    dataset = make_dataset()
    schedule = schedule_of(dataset, Pace(DAY, 10 * DAY, timedelta(hours=1)), None)
    assert schedule.start == FIRST + 10 * DAY + timedelta(hours=1)
    assert schedule.end > dataset.time[-1]
