"""Each leak that is planted in labels, parts or fit is found, by the check that is there for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.audit.markets import Market, random_walk
from signal_server.audit.subject import Frames, Learned, Subject
from signal_server.core.config import LabelConfig, TrainingConfig
from signal_server.training.dataset import Dataset, DatasetSpec
from signal_server.training.splits import Part, Schedule, Split, Step, split_by_time, walk_steps
from signal_server.training.train import TrainingSpec
from signal_server.training.tuning import Fold, folds_of

Findings = Callable[..., tuple[str, ...]]


@pytest.fixture(scope="module")
def market(product: Subject) -> Market:
    whole = random_walk(product)
    return Market("a walk", {one: whole.bars[one].iloc[:20_000] for one in list(whole.bars)[:2]})


def labels_known_too_early(product: Subject) -> Subject:
    def label(bars: pd.DataFrame, config: LabelConfig, bar_seconds: int) -> pd.DataFrame:
        labels = product.label(bars, config, bar_seconds)
        return labels.assign(known_at=labels["known_at"] - pd.Timedelta(seconds=bar_seconds))

    return replace(product, label=label)


def labels_known_at_their_own_bar(product: Subject) -> Subject:
    def label(bars: pd.DataFrame, config: LabelConfig, bar_seconds: int) -> pd.DataFrame:
        return product.label(bars, config, bar_seconds).assign(known_at=bars.index)

    return replace(product, label=label)


def labels_against_the_median_of_all(product: Subject) -> Subject:
    def label(bars: pd.DataFrame, config: LabelConfig, bar_seconds: int) -> pd.DataFrame:
        labels = product.label(bars, config, bar_seconds)
        moves = labels["forward_return"]
        return labels.assign(label=(moves > moves.median()).where(moves.notna()))

    return replace(product, label=label)


@pytest.mark.parametrize(
    "plant",
    [
        labels_known_too_early,
        labels_known_at_their_own_bar,
        labels_against_the_median_of_all,
    ],
    ids=lambda plant: plant.__name__,
)
def test_a_label_that_is_not_known_when_it_says_so_is_found(
    product: Subject, findings_of: Findings, market: Market, plant: Callable[[Subject], Subject]
) -> None:
    assert findings_of("known_at", plant(product), market)


def parts_without_a_purge(
    time: pd.DatetimeIndex, _known_at: pd.DatetimeIndex, training: TrainingConfig
) -> Split:
    return split_by_time(time, time, training)


def parts_at_random(
    time: pd.DatetimeIndex, _known_at: pd.DatetimeIndex, training: TrainingConfig
) -> Split:
    rows = np.random.default_rng(training.seed).permutation(len(time))
    names = ("train", "validation", "calibration", "test")
    pieces = zip(names, np.array_split(rows, 4), strict=True)
    return Split(*(Part(name, np.sort(piece)) for name, piece in pieces))


def parts_purged_of_one_row_too_few(
    time: pd.DatetimeIndex, known_at: pd.DatetimeIndex, training: TrainingConfig
) -> Split:
    split = split_by_time(time, known_at, training)
    rows = np.append(split.train.rows, split.train.rows[-1] + 1)
    return replace(split, train=Part("train", rows))


@pytest.mark.parametrize(
    "split",
    [parts_without_a_purge, parts_purged_of_one_row_too_few, parts_at_random],
    ids=lambda split: split.__name__,
)
def test_parts_that_overlap_are_found(
    product: Subject, findings_of: Findings, market: Market, split: Callable[..., Split]
) -> None:
    assert findings_of("purge", replace(product, split=split), market)


def folds_without_a_purge(dataset: Dataset, training: TrainingConfig) -> tuple[Fold, ...]:
    return folds_of(replace(dataset, known_at=dataset.time), training)


def folds_of_all_rows(dataset: Dataset, training: TrainingConfig) -> tuple[Fold, ...]:
    less = training.overridden({"calibration_share": 0.01, "test_share": 0.01})
    return folds_of(dataset, less)


@pytest.mark.parametrize(
    "folds", [folds_without_a_purge, folds_of_all_rows], ids=lambda folds: folds.__name__
)
def test_folds_of_tuning_that_overlap_are_found(
    product: Subject, findings_of: Findings, market: Market, folds: Callable[..., tuple[Fold, ...]]
) -> None:
    assert findings_of("purge", replace(product, folds=folds), market)


def test_rows_out_of_time_order_are_found(
    product: Subject, findings_of: Findings, market: Market
) -> None:
    def build(bars: Frames, spec: DatasetSpec) -> Dataset:
        dataset = product.build(bars, spec)
        order = np.argsort(dataset.symbol_codes, kind="stable")
        return replace(dataset, time=dataset.time[order], known_at=dataset.known_at[order])

    findings = findings_of("purge", replace(product, build=build), market)
    assert "the rows are not in time order" in findings


def steps_without_a_purge(
    time: pd.DatetimeIndex,
    _known_at: pd.DatetimeIndex,
    schedule: Schedule,
    training: TrainingConfig,
) -> Iterator[Step]:
    return walk_steps(time, time, schedule, training)


def steps_without_an_embargo(
    time: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    schedule: Schedule,
    training: TrainingConfig,
) -> Iterator[Step]:
    return walk_steps(time, known_at, replace(schedule, embargo=timedelta(0)), training)


def steps_that_forecast_twice(
    time: pd.DatetimeIndex,
    known_at: pd.DatetimeIndex,
    schedule: Schedule,
    training: TrainingConfig,
) -> Iterator[Step]:
    for step in walk_steps(time, known_at, schedule, training):
        again = np.concatenate([step.split.calibration.rows[-1:], step.split.test.rows])
        yield replace(step, split=replace(step.split, test=Part("test", again)))


@pytest.mark.parametrize(
    "steps",
    [steps_without_a_purge, steps_without_an_embargo, steps_that_forecast_twice],
    ids=lambda steps: steps.__name__,
)
def test_a_walk_that_looks_ahead_is_found(
    product: Subject, findings_of: Findings, market: Market, steps: Callable[..., Iterator[Step]]
) -> None:
    assert findings_of("walk-forward", replace(product, steps=steps), market)


def scaled_by_all_rows(dataset: Dataset) -> Dataset:
    features = dataset.features
    scaled = (features - np.nanmean(features, axis=0)) / np.nanstd(features, axis=0)
    return replace(dataset, features=scaled.astype(np.float32))


def without_rows_whose_future_is_dull(dataset: Dataset) -> Dataset:
    kept = np.abs(dataset.returns) > np.median(np.abs(dataset.returns))
    return dataset.only(kept)


def with_the_label_among_the_features(dataset: Dataset) -> Dataset:
    features = dataset.features.copy()
    features[:, 0] = dataset.returns
    return replace(dataset, features=features)


def with_the_next_rows_features(dataset: Dataset) -> Dataset:
    features = dataset.features.copy()
    features[:-1] = dataset.features[1:]
    return replace(dataset, features=features)


def building(product: Subject, change: Callable[[Dataset], Dataset]) -> Subject:
    return replace(product, build=lambda bars, spec: change(product.build(bars, spec)))


@pytest.mark.parametrize(
    "change",
    [scaled_by_all_rows, without_rows_whose_future_is_dull, with_the_next_rows_features],
    ids=lambda change: change.__name__,
)
def test_a_dataset_that_hangs_on_later_bars_is_found(
    product: Subject,
    findings_of: Findings,
    market: Market,
    change: Callable[[Dataset], Dataset],
) -> None:
    assert findings_of("past rows", building(product, change), market)


def test_a_label_among_the_features_is_found_where_nothing_can_be_known(
    product: Subject, findings_of: Findings
) -> None:
    leaking = building(product, with_the_label_among_the_features)
    assert "when chance is 0.5" in findings_of("random walk", leaking)[0]
    assert "where an oracle has" in findings_of("planted edge", leaking)[0]


def stopped_by_the_test_part(dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
    return dataset, replace(split, validation=split.test)


def calibrated_on_the_test_part(dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
    return dataset, replace(split, calibration=split.test)


def stopped_by_the_calibration_part(dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
    return dataset, replace(split, validation=split.calibration)


def trained_on_the_test_part(dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
    both = np.concatenate([split.train.rows, split.test.rows])
    return dataset, replace(split, train=Part("train", both))


def scaled_before_the_fit(dataset: Dataset, split: Split) -> tuple[Dataset, Split]:
    return scaled_by_all_rows(dataset), split


def learning(
    product: Subject, change: Callable[[Dataset, Split], tuple[Dataset, Split]]
) -> Subject:
    def learn(dataset: Dataset, split: Split, spec: TrainingSpec) -> Learned:
        return product.learn(*change(dataset, split), spec)

    return replace(product, learn=learn)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (stopped_by_the_test_part, "the booster hangs on the test part"),
        (calibrated_on_the_test_part, "the calibration hangs on the test part"),
        (stopped_by_the_calibration_part, "the booster hangs on the calibration part"),
        (trained_on_the_test_part, "the booster hangs on the test part"),
        (scaled_before_the_fit, "the booster hangs on the test part"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_fit_that_reads_what_was_held_out_is_found(
    product: Subject,
    findings_of: Findings,
    change: Callable[[Dataset, Split], tuple[Dataset, Split]],
    sentence: str,
) -> None:
    assert sentence in findings_of("held-out rows", learning(product, change))


def test_a_fit_that_has_seen_the_test_part_knows_shuffled_labels(
    product: Subject, findings_of: Findings, market: Market
) -> None:
    leaking = learning(product, trained_on_the_test_part)
    assert "with shuffled labels" in findings_of("target permutation", leaking, market)[0]


def test_a_fit_that_learns_nothing_is_found(product: Subject, findings_of: Findings) -> None:
    def learn(dataset: Dataset, split: Split, spec: TrainingSpec) -> Learned:
        order = np.random.default_rng(1).permutation(len(dataset))
        return product.learn(replace(dataset, labels=dataset.labels[order]), split, spec)

    findings = findings_of("planted edge", replace(product, learn=learn))
    assert "is not found" in findings[0]
