"""Search for a booster's parameters on the past alone, with every try counted.

<folder>/<profile>.sqlite     all studies of a profile: one for each set of rows and settings
"""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import xgboost as xgb
from numpy.typing import NDArray
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.core.training_config import BoosterConfig, TrainingConfig
from signal_server.training.dataset import Dataset
from signal_server.training.model import MakeMatrix, fit_until_best, matrices
from signal_server.training.parameters import parameters
from signal_server.training.splits import MIN_PART_ROWS, Part, split_by_time
from signal_server.training.train import TrainingSpec

FOLDS = 3
FIRST_SHARE = 0.4
"""Of the rows, those that the first fold learns from; the rest is cut into equal pieces."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

Progress = Callable[[int, int], None]
"""Takes how many trials are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Rows to learn from, and later ones to judge by, by when all labels of the first are known."""

    learn: Part
    judge: Part


@dataclass(frozen=True, slots=True)
class Tuning:
    """The best parameters found, and how they compare with those of the settings.

    Losses are mean log-losses over the folds, in nats. `trials` are those of this study, of which
    `pruned` were given up early; `tried` counts the trials of all studies of the profile.
    """

    best: BoosterConfig
    loss: float
    settings_loss: float | None
    trials: int
    pruned: int
    tried: int


def tune(
    dataset: Dataset, spec: TrainingSpec, folder: Path, trials: int, *, progress: Progress
) -> Tuning:
    """Go on with the study of this dataset and spec until it has so many trials.

    The first trial is of the settings as they are. Reads no row of the calibration part or the
    test part. A study that was broken off goes on where it was; the same rows, settings and
    number of trials give the same result. Raises `NoHistoryError` when a fold has too few rows.
    """
    folds = folds_of(dataset, spec.training)
    with _readable(_path(folder, spec.profile_name)), ExitStack() as stack:
        study = _study(dataset, spec, folder)
        matrix = stack.enter_context(matrices(dataset, spec.training))
        objective = _Objective(dataset, spec.training, _pairs(folds, matrix))
        for done in range(_finished(study), trials):
            progress(done, trials)
            study.sampler = optuna.samplers.TPESampler(seed=spec.training.seed + done)
            study.optimize(objective, n_trials=1)
        progress(trials, trials)
        del objective
        return _result(study, tried_before(folder, spec.profile_name))


def folds_of(dataset: Dataset, training: TrainingConfig) -> tuple[Fold, ...]:
    """Cut the rows before the calibration part into folds that learn from ever more of the past.

    A fold learns from all rows before a moment and is judged by the piece after it. Rows whose
    label is not yet known when their part ends are left out.
    """
    split = split_by_time(dataset.time, dataset.known_at, training)
    until = int(split.calibration.rows[0])
    shares = np.linspace(FIRST_SHARE, 1.0, FOLDS + 1)
    cuts = [int(until * share) for share in shares]
    return tuple(
        Fold(_part(dataset, (0, cut)), _part(dataset, (cut, after)))
        for cut, after in pairwise(cuts)
    )


def tried_before(folder: Path, profile: str) -> int:
    """Return how many trials of a profile were finished in all its studies.

    Raises `ModelError` naming a file that holds none.
    """
    if not _path(folder, profile).exists():
        return 0
    storage = _storage(folder, profile)
    with _readable(_path(folder, profile)):
        names = optuna.get_all_study_names(storage)
        studies = [optuna.load_study(study_name=name, storage=storage) for name in names]
        return sum(_finished(study) for study in studies)


class _Objective:
    """The mean log-loss of a booster's parameters over all folds; given up when it lags behind."""

    def __init__(
        self,
        dataset: Dataset,
        training: TrainingConfig,
        pairs: list[tuple[int, xgb.DMatrix, xgb.DMatrix]],
    ) -> None:
        self._dataset = dataset
        self._training = training
        self._pairs = pairs

    def __call__(self, trial: optuna.Trial) -> float:
        tried = self._training.overridden({"booster": _suggest(trial)})
        losses: list[float] = []
        for step, (rows, *pair) in enumerate(self._pairs):
            chosen = parameters(self._dataset, rows, tried)
            fitted = fit_until_best((pair[0], pair[1]), chosen, tried, lambda _: None)
            losses.append(fitted.log_loss)
            trial.report(float(np.mean(losses)), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))


def _suggest(trial: optuna.Trial) -> dict[str, Any]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 6),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 5, 5000, log=True),
        "reg_lambda": trial.suggest_float("reg_lambda", 1, 500, log=True),
        "subsample": trial.suggest_float("subsample", 0.3, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.1, 1.0),
    }


def _pairs(
    folds: tuple[Fold, ...], matrix: MakeMatrix
) -> list[tuple[int, xgb.DMatrix, xgb.DMatrix]]:
    pairs = []
    for fold in folds:
        learn = matrix(fold.learn.rows, None)
        pairs.append((len(fold.learn.rows), learn, matrix(fold.judge.rows, learn)))
    return pairs


def _part(dataset: Dataset, between: tuple[int, int]) -> Part:
    first, last = between
    rows = np.arange(first, last, dtype=np.int64)
    kept: NDArray[np.int64] = rows[np.asarray(dataset.known_at[first:last] < dataset.time[last])]
    if len(kept) < MIN_PART_ROWS:
        raise NoHistoryError("too few rows to tune on; backfill a longer history")
    return Part("fold", kept)


def _study(dataset: Dataset, spec: TrainingSpec, folder: Path) -> optuna.Study:
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(folder, spec.profile_name),
        study_name=_subject(dataset, spec),
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5),
    )
    if not study.trials:
        study.enqueue_trial(spec.training.booster.model_dump())
    return study


def _subject(dataset: Dataset, spec: TrainingSpec) -> str:
    """Return a name that changes with everything a trial's result depends on."""
    digest = hashlib.sha256(repr((dataset.names, dataset.symbols, spec.bar_seconds)).encode())
    digest.update(spec.profile.label.model_dump_json().encode())
    digest.update(spec.training.model_dump_json(exclude={"refit", "prior_trials"}).encode())
    for column in (dataset.time.asi8, dataset.known_at.asi8, dataset.labels, dataset.symbol_codes):
        digest.update(np.ascontiguousarray(column).tobytes())
    return digest.hexdigest()[:16]


def _path(folder: Path, profile: str) -> Path:
    return folder / f"{profile}.sqlite"


def _storage(folder: Path, profile: str) -> str:
    return f"sqlite:///{_path(folder, profile)}"


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say of a full disk or a damaged file which one it is."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError) as error:
        reason = str(getattr(error.__cause__, "orig", None) or getattr(error, "orig", error))
        raise ModelError(
            f"the trials in {path} cannot be read or kept ({reason.splitlines()[0]}); make room, "
            "or put a copy of the file back"
        ) from error


def _finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def _result(study: optuna.Study, tried: int) -> Tuning:
    finished = study.get_trials(deepcopy=False, states=FINISHED)
    complete = [trial for trial in finished if trial.state is TrialState.COMPLETE]
    if not complete:
        raise ModelError("no trial was finished; ask for more with --trials")
    best = min(complete, key=lambda trial: (trial.value, trial.number))
    return Tuning(
        best=BoosterConfig.model_validate(best.params),
        loss=float(best.value),
        settings_loss=None if complete[0].number else complete[0].value,
        trials=len(finished),
        pruned=len(finished) - len(complete),
        tried=tried,
    )
