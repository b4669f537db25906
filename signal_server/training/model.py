"""The gradient-boosted trees: fitted on the train part, stopped by the validation part."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from signal_server.core.config import TrainingConfig
from signal_server.core.errors import ModelError
from signal_server.training.dataset import Dataset
from signal_server.training.splits import Part

ROWS_PER_THREAD = 100_000
MAX_THREADS = 2
"""Fixed, since the order in which threads add up gradients is part of the result: how many train
follows from the rows, never from the machine. Few rows train fastest on one."""


@dataclass(frozen=True, slots=True)
class FittedBooster:
    """A booster cut at its best round, in XGBoost's UBJSON form.

    `log_loss` is that of the validation part at the best round, in nats. `gain_shares` is each
    used feature's share of what all splits gained, largest first; empty when no split was worth it.
    """

    raw: bytes
    rounds: int
    log_loss: float
    gain_shares: dict[str, float]


def fit_booster(
    dataset: Dataset,
    parts: tuple[Part, Part],
    training: TrainingConfig,
    progress: Callable[[float], None],
) -> FittedBooster:
    """Fit on the first of `parts` and stop early by the log-loss on the second.

    Reads no other row of `dataset`. The same rows and seed give the same bytes.
    Raises `ModelError` when the train part holds a single class.
    """
    if len(np.unique(dataset.labels[parts[0].rows])) < 2:
        raise ModelError("the train part holds a single class; use a longer history")
    parameters = _parameters(dataset, parts[0], training)
    fit_on = _matrix(dataset, parts[0])
    stop_on = _matrix(dataset, parts[1], bins_of=fit_on)
    booster = xgb.train(
        parameters,
        fit_on,
        num_boost_round=training.max_rounds,
        evals=[(stop_on, "validation")],
        early_stopping_rounds=training.early_stopping_rounds,
        callbacks=[_Progress(progress, training.max_rounds)],
        verbose_eval=False,
    )
    best = booster[: booster.best_iteration + 1]
    best.set_attr(best_iteration=None, best_score=None)
    return FittedBooster(
        raw=bytes(best.save_raw("ubj")),
        rounds=int(booster.best_iteration) + 1,
        log_loss=float(booster.best_score),
        gain_shares=_gain_shares(best, dataset.names),
    )


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
    """Return uncalibrated logits, float64 (rows, classes), for float32 (rows, names)."""
    margin = booster.inplace_predict(features, predict_type="margin", missing=np.nan)
    margin = np.asarray(margin, dtype=np.float64).reshape(len(features), -1)
    if class_count == 2:
        return np.hstack([np.zeros_like(margin), margin])
    return margin


def _gain_shares(booster: xgb.Booster, names: tuple[str, ...]) -> dict[str, float]:
    gains = booster.get_score(importance_type="total_gain")
    total = sum(gains.values())
    largest_first = sorted(gains, key=lambda position: -gains[position])
    return {names[int(position[1:])]: gains[position] / total for position in largest_first}


def _matrix(
    dataset: Dataset, part: Part, bins_of: xgb.QuantileDMatrix | None = None
) -> xgb.QuantileDMatrix:
    return xgb.QuantileDMatrix(
        dataset.features[part.rows],
        label=dataset.labels[part.rows],
        ref=bins_of,
        nthread=_threads(part),
    )


def _threads(part: Part) -> int:
    return min(MAX_THREADS, 1 + len(part.rows) // ROWS_PER_THREAD)


def _parameters(dataset: Dataset, part: Part, training: TrainingConfig) -> dict[str, Any]:
    count = len(dataset.classes)
    objective = (
        {"objective": "binary:logistic", "eval_metric": "logloss"}
        if count == 2
        else {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": count}
    )
    return {
        **training.booster.model_dump(),
        **objective,
        "tree_method": "hist",
        "seed": training.seed,
        "nthread": _threads(part),
    }


class _Progress(xgb.callback.TrainingCallback):  # type: ignore[misc]
    """Tell how far training is, counted in rounds."""

    def __init__(self, progress: Callable[[float], None], rounds: int) -> None:
        super().__init__()
        self._progress = progress
        self._rounds = rounds

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        self._progress((epoch + 1) / self._rounds)
        return False
