"""Nightly retraining on a rolling half year, over half a year of one symbol.

Once by the plain settings of training, and once as the profile is served: with mirror images and a
refit, which is three times the boosting or more.

`make bench` takes every fifteenth night; `python -m bench.walkforward` takes all of them.
"""

import sys
import tempfile
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import xgboost as xgb

from bench.bars import minute_bars
from bench.result import Result
from signal_server.core.config import load_settings
from signal_server.features.catalogue import feature_names
from signal_server.training.dataset import Dataset, build_dataset
from signal_server.training.mirroring import lesson_of
from signal_server.training.parameters import parameters
from signal_server.training.splits import Schedule, walk_steps
from signal_server.training.train import TrainingSpec, dataset_spec
from signal_server.training.walkforward import (
    Pace,
    WalkForward,
    folder_of,
    schedule_of,
    steps_at_once,
    walk_forward,
)

BARS = 787_680
LAST_DAY = "2025-03-31"
"""Later bars are held out of all development."""
NIGHTS = 180
SYMBOL, PROFILE = "BTC-USD", "direction-15m"


def measure(every_days: int = 15) -> list[Result]:
    """Return the time of a walk, of its second run, and of bare boosting on the same rows."""
    settings = load_settings()
    plain = TrainingSpec(PROFILE, settings.profiles[PROFILE], settings.training, 60)
    served = replace(plain, training=settings.training_of(PROFILE))
    bars = minute_bars(BARS)[0].loc[:LAST_DAY].tail((2 * NIGHTS + 8) * 1440)
    names = feature_names(plain.profile.features, trade_counts=False)
    dataset = build_dataset({SYMBOL: bars}, dataset_spec(plain, names), lambda _share: None)
    pace = Pace(timedelta(days=every_days), timedelta(days=180), timedelta(minutes=15))
    last = dataset.time[-1].to_pydatetime()
    schedule = schedule_of(dataset, pace, last - timedelta(days=NIGHTS))
    return [
        *_measure("walk_forward", dataset, plain, schedule),
        *_measure("walk_forward_served", dataset, served, schedule),
    ]


def _measure(name: str, dataset: Dataset, spec: TrainingSpec, schedule: Schedule) -> list[Result]:
    with tempfile.TemporaryDirectory() as root:
        result, taken = _timed(dataset, spec, schedule, Path(root))
        _, again = _timed(dataset, spec, schedule, Path(root))
    bare = _bare(dataset, spec, schedule, result)
    steps = len(result.steps)
    what = f"{steps} nights of {NIGHTS}, {len(dataset.names)} features, {SYMBOL} to {LAST_DAY}"
    floor = "bare xgboost.train of the kept rounds, without stopping, baselines, results"
    minutes = NIGHTS / steps / 60
    nightly = _tenth(taken * minutes), _tenth(bare * minutes)
    step = _tenth(taken / steps), _tenth(bare / steps)
    return [
        Result(f"{name}_nightly", nightly[0], "min", nightly[1], floor, what),
        Result(f"{name}_step", step[0], "s", step[1], floor, what),
        Result(f"{name}_resumed", _tenth(again), "s", 0.0, "nothing", f"the same {steps} nights"),
    ]


def _timed(
    dataset: Dataset, spec: TrainingSpec, schedule: Schedule, root: Path
) -> tuple[WalkForward, float]:
    folder = folder_of(root, dataset, spec, schedule)
    started = time.perf_counter()
    at_once = steps_at_once(spec.training)
    result = walk_forward(
        dataset, spec, schedule, folder, progress=lambda _done, _total: None, at_once=at_once
    )
    return result, time.perf_counter() - started


def _bare(dataset: Dataset, spec: TrainingSpec, schedule: Schedule, result: WalkForward) -> float:
    """Return the seconds of training on each step's rows for as many rounds as were kept."""
    steps = walk_steps(dataset.time, dataset.known_at, schedule, spec.training)
    started = time.perf_counter()
    for step, found in zip(steps, result.steps, strict=True):
        rows = step.split.train.rows
        if spec.training.refit:
            rows = np.concatenate([part.rows for part in step.split.parts[:-1]])
        lesson = lesson_of(dataset, rows, None, spec.training)
        chosen = parameters(dataset, len(lesson.labels), spec.training)
        data = xgb.QuantileDMatrix(lesson.features, lesson.labels, nthread=chosen["nthread"])
        xgb.train(chosen, data, found.rounds)
    return time.perf_counter() - started


def _tenth(value: float) -> float:
    return round(value, 1)


if __name__ == "__main__":
    for measured in measure(every_days=1):
        sys.stdout.write(f"{measured.name}: {measured.value} {measured.unit}, ")
        sys.stdout.write(f"floor {measured.floor}; {measured.data}\n")
