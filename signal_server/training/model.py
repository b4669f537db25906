"""The gradient-boosted trees: fitted on the train part, stopped by the validation part."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from signal_server.core.errors import ModelError
from signal_server.core.training_config import TrainingConfig
from signal_server.training.dataset import Dataset
from signal_server.training.external import pages_of
from signal_server.training.mirroring import balanced, lesson_of, marked, mirror_in
from signal_server.training.parameters import Rows, parameters, threads, weights_of
from signal_server.training.splits import Part

MakeMatrix = Callable[[NDArray[np.int64], xgb.DMatrix | None], xgb.DMatrix]
"""Takes rows, and the matrix whose bins theirs shall have, if any."""

Progress = Callable[[float], None]
"""Takes the share of the rounds that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class FittedBooster:
    """A booster cut at its best round, in XGBoost's UBJSON form.

    `log_loss` is that of the validation part at the best round, in nats, weighted as in training.
    """

    raw: bytes
    rounds: int
    log_loss: float


def fit_booster(
    dataset: Dataset, parts: tuple[Part, Part], training: TrainingConfig, progress: Progress
) -> FittedBooster:
    """Fit on the first of `parts` and stop early by the log-loss on the second.

    Reads no other row of `dataset`. The same rows and seed give the same bytes, and on a
    cluster those of its number of workers.
    Raises `ModelError` when the train part holds a single class.
    """
    fit_rows, stop_rows = parts[0].rows, parts[1].rows
    if len(np.unique(dataset.labels[fit_rows])) < 2:
        raise ModelError("the train part holds a single class; use a longer history")
    if training.scheduler != "none":
        fitted = best_of(_boost_on_cluster(dataset, parts, training, training.max_rounds))
        return replace(fitted, raw=marked(fitted.raw, dataset, training))
    chosen = parameters(dataset, len(fit_rows), training)
    with matrices(dataset, training) as matrix:
        fit_on = matrix(fit_rows, None)
        pair = fit_on, matrix(stop_rows, fit_on)
        fitted = fit_until_best(pair, chosen, training, progress)
        del fit_on, pair
    return replace(fitted, raw=marked(fitted.raw, dataset, training))


def fit_until_best(
    matrices: tuple[xgb.DMatrix, xgb.DMatrix],
    chosen: dict[str, Any],
    training: TrainingConfig,
    progress: Progress,
) -> FittedBooster:
    """Fit on the first of `matrices` by the `chosen` parameters, stop early by the second."""
    booster = xgb.train(
        chosen,
        matrices[0],
        num_boost_round=training.max_rounds,
        evals=[(matrices[1], "validation")],
        early_stopping_rounds=training.early_stopping_rounds,
        callbacks=[_Progress(progress, training.max_rounds)],
        verbose_eval=False,
    )
    return best_of(booster)


def refit_booster(
    dataset: Dataset, rounds: int, training: TrainingConfig, progress: Progress
) -> bytes:
    """Fit on all rows of the dataset for so many rounds; return XGBoost's UBJSON."""
    everything = Part("all", np.arange(len(dataset), dtype=np.int64))
    if training.scheduler != "none":
        booster = _boost_on_cluster(dataset, (everything,), training, rounds)
        return marked(bytes(booster.save_raw("ubj")), dataset, training)
    chosen = parameters(dataset, len(dataset), training)
    with matrices(dataset, training) as matrix:
        booster = xgb.train(
            chosen,
            matrix(everything.rows, None),
            num_boost_round=rounds,
            callbacks=[_Progress(progress, rounds)],
        )
        raw = bytes(booster.save_raw("ubj"))
        del booster
    return marked(raw, dataset, training)


def refit_rounds(fitted: FittedBooster, fit_rows: int, all_rows: int) -> int:
    """Return how many rounds suit all rows: more, by the square root of how many times more rows.

    Measured on six later quarters of four coins, that and no change lost the least; growth in
    proportion to the rows lost more at 2 h, where the signal is weakest.
    """
    return max(1, round(fitted.rounds * math.sqrt(all_rows / fit_rows)))


def best_of(booster: xgb.Booster) -> FittedBooster:
    """Cut a booster that was stopped early at its best round."""
    rounds, log_loss = int(booster.best_iteration) + 1, float(booster.best_score)
    best = booster[:rounds]
    best.set_attr(best_iteration=None, best_score=None)
    return FittedBooster(bytes(best.save_raw("ubj")), rounds, log_loss)


def open_booster(raw: bytes) -> xgb.Booster:
    """Return the booster of `raw`; raise `ModelError` when XGBoost cannot read it."""
    try:
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(raw))
    except (xgb.core.XGBoostError, ValueError) as error:
        raise ModelError("the booster cannot be read by XGBoost; train the model again") from error
    return booster


def logits(
    booster: xgb.Booster, features: NDArray[np.float32], class_count: int
) -> NDArray[np.float64]:
    """Return uncalibrated logits, float64 (rows, classes), for float32 (rows, names).

    Of a booster that learned from mirror images, the mean over each row and its own image.
    """
    mirror = mirror_in(booster)
    said = _margins(booster, features, class_count)
    if mirror is None:
        return said
    return balanced(said, _margins(booster, mirror.apply(features), class_count))


def _margins(
    booster: xgb.Booster, features: NDArray[np.float32], class_count: int
) -> NDArray[np.float64]:
    margin = booster.inplace_predict(features, predict_type="margin", missing=np.nan)
    margin = np.asarray(margin, dtype=np.float64).reshape(len(features), -1)
    if class_count == 2:
        return np.hstack([np.zeros_like(margin), margin])
    return margin


def _boost_on_cluster(
    dataset: Dataset, parts: tuple[Part, ...], training: TrainingConfig, rounds: int
) -> xgb.Booster:
    # Dask takes a second to import, which only those who use it should wait.
    from signal_server.training.cluster import boost_on_cluster

    return boost_on_cluster(dataset, parts, training, rounds)


@contextmanager
def matrices(dataset: Dataset, training: TrainingConfig) -> Iterator[MakeMatrix]:
    """Make matrices of a dataset's rows, in memory or on disk.

    None may outlive the block: the files of its pages do not.
    """
    if not training.external_memory:
        yield partial(_matrix, dataset, training)
        return
    with pages_of(dataset, training) as pages:
        yield pages.matrix


def _matrix(
    dataset: Dataset,
    training: TrainingConfig,
    rows: NDArray[np.int64],
    bins_of: xgb.QuantileDMatrix | None,
) -> xgb.QuantileDMatrix:
    which = _gapless(rows)
    lesson = lesson_of(dataset, which, weights_of(dataset, which, training), training)
    return xgb.QuantileDMatrix(
        lesson.features,
        label=lesson.labels,
        weight=lesson.weights,
        ref=bins_of,
        nthread=threads(len(rows)),
    )


def _gapless(rows: NDArray[np.int64]) -> Rows:
    """Return the same rows as a slice, which numpy reads without a copy, if none is left out."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


class _Progress(xgb.callback.TrainingCallback):  # type: ignore[misc]
    """Tell how far training is, counted in rounds."""

    def __init__(self, progress: Progress, rounds: int) -> None:
        super().__init__()
        self._progress = progress
        self._rounds = rounds

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        self._progress((epoch + 1) / self._rounds)
        return False
