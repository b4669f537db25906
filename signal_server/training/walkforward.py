"""Walk forward: train again and again on a rolling window, and judge what each model said next."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from signal_server.core.errors import NoHistoryError
from signal_server.core.training_config import TrainingConfig
from signal_server.features.catalogue import feature_names, warmup_bars
from signal_server.training.baselines import rivals_of
from signal_server.training.dataset import Dataset
from signal_server.training.evaluation import Evaluation, Rival
from signal_server.training.forecasts import ForecastFolder, Forecasts, WalkKey
from signal_server.training.model import FittedBooster, refit_booster, refit_rounds
from signal_server.training.splits import Schedule, Split, Step, walk_steps
from signal_server.training.train import (
    Report,
    TrainingSpec,
    evaluation_of,
    fit_model,
    forecast,
)
from signal_server.training.validation import Validation, validate

Progress = Callable[[int, int], None]
"""Takes how many steps are done, and of how many."""

LOOK_UP_S = 0.2
MOST_AT_ONCE = 8
"""Each holds the rows of its window, twice with mirror images."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a walk forward trains, on how much, and with what gap before it forecasts."""

    every: timedelta
    window: timedelta
    embargo: timedelta


@dataclass(frozen=True, slots=True)
class StepResult:
    """One training and what its model was worth until the next: rows, and the share right.

    `learned_from` is the close of the first row that it learned from, tz-aware UTC; None in results
    of an earlier version.
    """

    moment: datetime
    train_rows: int
    rounds: int
    calibration: str
    rows: int
    accuracy: float
    learned_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class WalkForward:
    """The results of all steps together, each row forecast by a model that had not seen it."""

    profile_name: str
    symbols: tuple[str, ...]
    schedule: Schedule
    steps: tuple[StepResult, ...]
    validation: Validation


def warm_up(spec: TrainingSpec) -> timedelta:
    """Return how much history the features of a row need before it."""
    names = feature_names(spec.profile.features, trade_counts=spec.training.use_trade_counts)
    return timedelta(seconds=warmup_bars(names) * spec.bar_seconds)


def schedule_of(dataset: Dataset, pace: Pace, start: datetime | None) -> Schedule:
    """Return the schedule over all rows from `start` on, or from a window after the first row.

    Raises `NoHistoryError` when that is after the last row.
    """
    first, last = dataset.time[0].to_pydatetime(), dataset.time[-1].to_pydatetime()
    begin = start or first + pace.window + pace.embargo
    if begin > last:
        raise NoHistoryError(
            f"the first training would be on {begin:%Y-%m-%d %H:%M}, after the last row with a "
            f"known outcome, of {last:%Y-%m-%d %H:%M} UTC; take an earlier start or a shorter "
            "window, or backfill a longer history"
        )
    return Schedule(
        start=begin,
        end=last + timedelta(seconds=1),
        every=pace.every,
        window=pace.window,
        embargo=pace.embargo,
    )


def folder_of(
    root: Path, dataset: Dataset, spec: TrainingSpec, schedule: Schedule
) -> ForecastFolder:
    """Return where the forecasts of such a walk are kept."""
    key = WalkKey(
        spec.profile_name,
        spec.profile,
        spec.training,
        spec.bar_seconds,
        dataset.symbols,
        dataset.names,
        schedule,
    )
    return ForecastFolder(root, key)


def steps_at_once(training: TrainingConfig) -> int:
    """Return how many steps this machine makes at the same time: one a core, eight at most.

    It is one where rows stay on disk, for their memory, or where a cluster trains.
    """
    if training.external_memory or training.scheduler != "none":
        return 1
    return min(os.cpu_count() or 1, MOST_AT_ONCE)


def walk_forward(
    dataset: Dataset,
    spec: TrainingSpec,
    schedule: Schedule,
    folder: ForecastFolder,
    *,
    progress: Progress,
    at_once: int = 1,
) -> WalkForward:
    """Train at each moment of `schedule` on the past alone, and forecast up to the next moment.

    A step whose rows are those of an earlier run is read from `folder` instead, so that a walk
    which was broken off goes on where it was. All forecasts and the results are kept there, too.
    `at_once` steps are made at the same time, each in a thread of its own: that changes no result.
    Raises `NoHistoryError` when no step has rows enough.
    """
    steps = tuple(walk_steps(dataset.time, dataset.known_at, schedule, spec.training))
    if not steps:
        raise NoHistoryError(
            "no step has rows enough to learn from and to forecast; start later, take a longer "
            "window, or backfill a longer history"
        )
    made = []
    with _made(dataset, steps, (spec, folder), at_once) as forecasts:
        for done, found in enumerate(forecasts, start=1):
            made.append(found)
            progress(done, len(steps))
    evaluation = _join(dataset, steps, made, spec)
    results = (_result(dataset, step, found) for step, found in zip(steps, made, strict=True))
    result = WalkForward(
        spec.profile_name, dataset.symbols, schedule, tuple(results), validate(evaluation)
    )
    folder.write_all(dataset, _rows(steps), evaluation.probabilities)
    folder.write_result(TypeAdapter(WalkForward).dump_json(result, indent=2))
    return result


class _BrokenOffError(Exception):
    """Nobody waits for this step any more."""


@contextmanager
def _made(
    dataset: Dataset,
    steps: tuple[Step, ...],
    kept: tuple[TrainingSpec, ForecastFolder],
    at_once: int,
) -> Iterator[Iterator[Forecasts]]:
    """Yield the steps' forecasts in order; those still being made end with the block."""
    over = Event()

    def go_on(_stage: str, _share: float) -> None:
        if over.is_set():
            raise _BrokenOffError

    take = partial(_take, dataset, kept, go_on)
    if at_once == 1:
        yield map(take, steps)
        return
    with ThreadPoolExecutor(at_once, "step") as pool:
        try:
            yield _in_order([pool.submit(take, step) for step in steps])
        finally:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _in_order(futures: Sequence[Future[Forecasts]]) -> Iterator[Forecasts]:
    """Yield what becomes of each; look up often, for Ctrl-C did not end a wait without an end."""
    for future in futures:
        while not future.done():
            wait([future], timeout=LOOK_UP_S)
        yield future.result()


def _take(
    dataset: Dataset, kept: tuple[TrainingSpec, ForecastFolder], report: Report, step: Step
) -> Forecasts:
    spec, folder = kept
    digest = _digest(dataset, step)
    found = folder.read(step.moment, digest)
    if found is None:
        found = _make(dataset, step.split, spec, report)
        folder.write(step.moment, digest, found)
    return found


def _make(dataset: Dataset, split: Split, spec: TrainingSpec, report: Report) -> Forecasts:
    fit = fit_model(dataset, split, spec, report)
    learned, served = split.train.rows, fit
    if spec.training.refit:
        learned = np.concatenate([part.rows for part in split.parts[:-1]])
        rounds = refit_rounds(fit.booster, len(fit.train.rows), len(learned))
        rows = dataset.only(learned)
        raw = refit_booster(rows, rounds, spec.training, partial(report, "refit"))
        served = replace(fit, booster=FittedBooster(raw, rounds, fit.booster.log_loss))
    return Forecasts(
        probabilities=forecast(dataset, split.test, served),
        rivals=rivals_of(dataset, learned, split.test.rows),
        rounds=served.booster.rounds,
        calibration=served.calibration.calibration.kind,
    )


def _digest(dataset: Dataset, step: Step) -> str:
    """Return a digest of all that the step's forecasts depend on in the dataset."""
    digest = hashlib.blake2b(digest_size=16)
    train, test = step.split.train.rows, step.split.test.rows
    inside = slice(int(train[0]), int(test[-1]) + 1)
    for values in (dataset.features, dataset.labels, dataset.uniqueness, dataset.symbol_codes):
        digest.update(np.ascontiguousarray(values[inside]).data)
    for index in (dataset.time, dataset.known_at):
        digest.update(np.ascontiguousarray(index[inside].as_unit("ns").asi8).data)
    return digest.hexdigest()


def _join(
    dataset: Dataset, steps: tuple[Step, ...], made: list[Forecasts], spec: TrainingSpec
) -> Evaluation:
    rows = _rows(steps)
    chances = np.concatenate([found.probabilities for found in made])
    rivals = tuple(_join_rival(same) for same in zip(*(f.rivals for f in made), strict=True))
    return evaluation_of(dataset, rows, chances, spec, rivals)


def _join_rival(of_steps: tuple[Rival, ...]) -> Rival:
    """Join the forecasts of one baseline."""
    probabilities = [rival.probabilities for rival in of_steps if rival.probabilities is not None]
    return Rival(
        of_steps[0].name,
        np.concatenate([rival.predicted for rival in of_steps]),
        np.concatenate(probabilities) if probabilities else None,
    )


def _rows(steps: tuple[Step, ...]) -> NDArray[np.int64]:
    return np.concatenate([step.split.test.rows for step in steps])


def _result(dataset: Dataset, step: Step, found: Forecasts) -> StepResult:
    right = found.probabilities.argmax(axis=1) == dataset.labels[step.split.test.rows]
    return StepResult(
        moment=step.moment,
        train_rows=len(step.split.train.rows),
        rounds=found.rounds,
        calibration=found.calibration,
        rows=len(right),
        accuracy=float(right.mean()),
        learned_from=dataset.time[step.split.train.rows[0]].to_pydatetime(),
    )
