"""From bars to a trained, calibrated and validated model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import ProfileConfig, TrainingConfig
from signal_server.features.catalogue import feature_names, schema_hash
from signal_server.training.artifact import ModelCard, TrainedModel
from signal_server.training.baselines import rivals_of
from signal_server.training.calibration_choice import (
    CalibrationChoice,
    CalibrationRows,
    choose_calibration,
)
from signal_server.training.dataset import Dataset, DatasetSpec, build_dataset, fingerprint
from signal_server.training.evaluation import Evaluation, Outcomes, Rival
from signal_server.training.external import PAGE_ROWS, dataset_on_disk, release
from signal_server.training.importance import gain_shares, shap_means
from signal_server.training.lineage import lineage
from signal_server.training.model import (
    FittedBooster,
    fit_booster,
    logits,
    open_booster,
    refit_booster,
    refit_rounds,
)
from signal_server.training.reference import make_reference
from signal_server.training.splits import Part, Split, Window, split_by_time, window_of, windows_of
from signal_server.training.tries import THIS_ONE, Tried
from signal_server.training.validation import Validation, validate

Report = Callable[[str, float], None]
"""Takes a stage's name and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class TrainingSpec:
    """What to train: a profile, how, the length of the bars, and the name of the model.

    It learns from `symbols`, or from all that have bars where none is named: others may be there
    for the features that compare with them.

    For the results: `round_trip_bps` is what buying and selling costs (0 shows them before
    costs), and `tried` how many models were tried before this one was chosen, itself included.
    `scratch` is the folder for rows that stay on disk, with `external_memory`.
    """

    profile_name: str
    profile: ProfileConfig
    training: TrainingConfig
    bar_seconds: int
    round_trip_bps: float = 0.0
    tried: Tried = THIS_ONE
    symbols: tuple[str, ...] = ()
    scratch: Path | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """What the train, validation and calibration parts made; the test part is not in it."""

    booster: FittedBooster
    calibration: CalibrationChoice
    train: Part


@dataclass(frozen=True, slots=True)
class _Served:
    raw: bytes
    rounds: int
    window: Window


def train(
    bars_by_symbol: Mapping[str, pd.DataFrame], spec: TrainingSpec, report: Report
) -> TrainedModel:
    """Train one model for all symbols; the same bars and spec give the same model.

    The booster sees the train part, its early stopping the validation part, the calibration its
    own part. The test part is read once, at the end, for the validation results; only then does a
    refit read all rows.
    Raises `NoHistoryError` when a part has too few rows and `ModelError` when nothing can be
    learned from them.
    """
    with open_dataset(bars_by_symbol, spec, report) as dataset:
        return _train_on(dataset, spec, report, fingerprint(bars_by_symbol))


@contextmanager
def open_dataset(
    bars_by_symbol: Mapping[str, pd.DataFrame], spec: TrainingSpec, report: Report
) -> Iterator[Dataset]:
    """Build the rows that a model of `spec` learns from, in memory or on disk for the block.

    Raises as `build_dataset`.
    """
    names = feature_names(spec.profile.features, trade_counts=spec.training.use_trade_counts)
    wanted = dataset_spec(spec, names)
    progress = partial(report, "features")
    if not spec.training.external_memory:
        yield build_dataset(bars_by_symbol, wanted, progress)
        return
    with dataset_on_disk(bars_by_symbol, wanted, spec.scratch, progress) as dataset:
        yield dataset


def _train_on(
    dataset: Dataset, spec: TrainingSpec, report: Report, data_fingerprint: str
) -> TrainedModel:
    split = split_by_time(dataset.time, dataset.known_at, spec.training)
    fit = fit_model(dataset, split, spec, report)
    validation = evaluate(dataset, split.test, fit, spec)
    report("validation", 1.0)
    served = _serve(dataset, split.train, fit, spec, report=report)
    card = ModelCard(
        **_what_is_learned(dataset, spec),
        windows=windows_of(split, dataset.time, dataset.known_at),
        rounds=fit.booster.rounds,
        served_window=served.window,
        served_rounds=served.rounds,
        **_importance(dataset, split.validation, fit.booster),
        data_fingerprint=data_fingerprint,
        lineage=lineage(),
        validation=validation,
    )
    return TrainedModel(
        card,
        served.raw,
        fit.calibration.calibration,
        make_reference(
            dataset, (split.train, split.test), forecast(dataset, split.test, fit).max(axis=1)
        ),
        evaluated=fit.booster.raw if spec.training.refit else None,
    )


def fit_model(dataset: Dataset, split: Split, spec: TrainingSpec, report: Report) -> Fit:
    """Fit booster and calibration; reads no row of the test part."""
    booster = fit_booster(
        dataset,
        (split.train, split.validation),
        spec.training,
        lambda share: report("booster", share),
    )
    report("booster", 1.0)
    rows = split.calibration.rows
    asked = CalibrationRows(
        _logits(dataset, split.calibration, booster),
        dataset.labels[rows],
        dataset.time[rows],
        spec.profile.label.horizon_s,
    )
    if spec.training.mirror:
        asked = asked.with_images()
    calibration = choose_calibration(asked, spec.training.seed)
    report("calibration", 1.0)
    return Fit(booster, calibration, split.train)


def evaluate(dataset: Dataset, part: Part, fit: Fit, spec: TrainingSpec) -> Validation:
    """Measure a fit on the rows of `part`, beside baselines fitted on its train part."""
    rivals = rivals_of(dataset, fit.train.rows, part.rows)
    chances = forecast(dataset, part, fit)
    return validate(evaluation_of(dataset, part.rows, chances, spec, rivals, fit.calibration))


def evaluation_of(
    dataset: Dataset,
    rows: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    spec: TrainingSpec,
    rivals: tuple[Rival, ...],
    calibration: CalibrationChoice | None = None,
) -> Evaluation:
    """Return what there is to measure of forecasts (rows, classes) for `rows` of the dataset."""
    label = spec.profile.label
    return Evaluation(
        classes=dataset.classes,
        probabilities=probabilities,
        labels=dataset.labels[rows],
        time=dataset.time[rows],
        horizon_s=label.horizon_s,
        seed=spec.training.seed,
        outcomes=Outcomes.of(dataset, rows, label, spec.round_trip_bps),
        rivals=rivals,
        calibration=calibration,
        tried=spec.tried,
    )


def dataset_spec(spec: TrainingSpec, names: tuple[str, ...]) -> DatasetSpec:
    """Return which rows and columns a model of `spec` learns from."""
    return DatasetSpec(
        names=names,
        label=spec.profile.label,
        bar_seconds=spec.bar_seconds,
        stride_bars=spec.training.row_stride_bars,
        symbols=spec.symbols,
    )


def forecast(dataset: Dataset, part: Part, fit: Fit) -> NDArray[np.float64]:
    """Return calibrated probabilities (rows, classes) for the rows of `part`."""
    return fit.calibration.calibration.apply(_logits(dataset, part, fit.booster))


def _serve(
    dataset: Dataset, train_part: Part, fit: Fit, spec: TrainingSpec, *, report: Report
) -> _Served:
    """Return the evaluated booster, or with `refit` one fitted on all rows."""
    if not spec.training.refit:
        window = window_of(train_part, dataset.time, dataset.known_at)
        return _Served(fit.booster.raw, fit.booster.rounds, window)
    everything = Part("all", np.arange(len(dataset), dtype=np.int64))
    rounds = refit_rounds(fit.booster, len(train_part.rows), len(dataset))
    raw = refit_booster(dataset, rounds, spec.training, lambda share: report("refit", share))
    return _Served(raw, rounds, window_of(everything, dataset.time, dataset.known_at))


def _what_is_learned(dataset: Dataset, spec: TrainingSpec) -> dict[str, Any]:
    names = dataset.names
    return {
        "id": spec.profile_name,
        "profile": spec.profile,
        "training": spec.training,
        "bar_seconds": spec.bar_seconds,
        "symbols": dataset.symbols,
        "classes": dataset.classes,
        "feature_names": names,
        "feature_hashes": tuple(schema_hash((name,)) for name in names),
        "schema_hash": schema_hash(names),
        "trade_count_features": _needing_trade_counts(spec.profile, names),
    }


def _importance(dataset: Dataset, part: Part, fitted: FittedBooster) -> dict[str, Any]:
    booster = open_booster(fitted.raw)
    return {
        "gain_shares": gain_shares(booster, dataset.names),
        "shap_means": shap_means(booster, dataset, part.rows),
    }


def _logits(dataset: Dataset, part: Part, booster: FittedBooster) -> NDArray[np.float64]:
    opened, blocks = open_booster(booster.raw), []
    for first in range(0, len(part.rows), PAGE_ROWS):
        features = dataset.features[part.rows[first : first + PAGE_ROWS]]
        blocks.append(logits(opened, features, len(dataset.classes)))
        release(dataset.features)
    return np.concatenate(blocks)


def _needing_trade_counts(profile: ProfileConfig, names: tuple[str, ...]) -> tuple[str, ...]:
    without = feature_names(profile.features, trade_counts=False)
    return tuple(name for name in names if name not in without)
