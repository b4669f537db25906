"""Training against bare XGBoost on the same rows, and the memory that rows on disk save."""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xgboost as xgb

from bench.bars import minute_bars
from bench.dataset import own_peak_mb
from bench.result import Result, interleaved_ms
from signal_server.core.config import LabelConfig, TrainingConfig, load_settings
from signal_server.core.domain import BAR_COLUMNS
from signal_server.market.store import BarStore
from signal_server.market.stored import StoredBars
from signal_server.training.dataset import Dataset
from signal_server.training.model import fit_booster
from signal_server.training.parameters import parameters
from signal_server.training.splits import Part, split_by_time
from signal_server.training.train import TrainingSpec, open_dataset, train

PROFILE = "direction-15m"
WHOLE_BARS = 60_000
THREE_CLASSES = "trend-10m"
TRAIN_ROWS = 262_800
STOP_ROWS = 50_000
ROUNDS = 15
MEMORY_BARS = 525_600
MEMORY_SYMBOLS = 8
MEMORY_ROUNDS = 10


def measure() -> list[Result]:
    """Return the time of a whole training and of its boosting, and the peak memory of both ways."""
    return [_whole(), _three_classes(), *_memory()]


def _spec(profile: str, **changes: object) -> TrainingSpec:
    settings = load_settings()
    training = settings.training_of(profile).model_copy(update=changes)
    return TrainingSpec(profile, settings.profiles[profile], training, 60)


def _whole() -> Result:
    bars, data = minute_bars(WHOLE_BARS)
    booster = load_settings().training.booster.model_copy(update={"min_child_weight": 20})
    spec = _spec(PROFILE, booster=booster, mirror=False, refit=False)
    card = train({"BTC-USD": bars}, spec, lambda _stage, _share: None).card
    with open_dataset({"BTC-USD": bars}, spec, lambda _stage, _share: None) as dataset:
        split = split_by_time(dataset.time, dataset.known_at, spec.training)
        boost = _Bare(dataset, (split.train, split.validation), spec.training, card.rounds)
    ours, other = interleaved_ms(
        lambda: train({"BTC-USD": bars}, spec, lambda _stage, _share: None), boost.kept_rounds, 3
    )
    what = f"{PROFILE}, {len(split.train.rows):,} train rows of {data}"
    floor = "bare xgboost.train of the kept rounds, without features, stopping, validation"
    return Result("train_whole", round(ours), "ms", round(other), floor, what)


def _three_classes() -> Result:
    bars, data = minute_bars(TRAIN_ROWS + STOP_ROWS + 2_000)
    spec = _spec(THREE_CLASSES, row_stride_bars=1, max_rounds=ROUNDS, use_trade_counts=True)
    with open_dataset({"BTC-USD": bars}, spec, lambda _stage, _share: None) as dataset:
        rows = np.arange(TRAIN_ROWS + STOP_ROWS)
        parts = Part("train", rows[:TRAIN_ROWS]), Part("validation", rows[TRAIN_ROWS:])
    bare = _Bare(dataset, parts, spec.training, ROUNDS)
    ours, other = interleaved_ms(
        lambda: fit_booster(dataset, parts, spec.training, lambda _share: None),
        bare.stopped_early,
        3,
    )
    what = f"3 classes, {TRAIN_ROWS:,} x {len(dataset.names)}, {ROUNDS} rounds, of {data}"
    floor = "bare xgboost.train with the same parameters and early stopping"
    return Result("train_3_classes", round(ours), "ms", round(other), floor, what)


class _Bare:
    """XGBoost on the same rows and parameters, without anything of ours."""

    def __init__(
        self, dataset: Dataset, parts: tuple[Part, Part], training: TrainingConfig, rounds: int
    ) -> None:
        self._fit = (dataset.features[parts[0].rows], dataset.labels[parts[0].rows])
        self._stop = (dataset.features[parts[1].rows], dataset.labels[parts[1].rows])
        self._parameters = parameters(dataset, len(parts[0].rows), training)
        self._stopping = training.early_stopping_rounds
        self._rounds = rounds

    def kept_rounds(self) -> xgb.Booster:
        return xgb.train(self._parameters, self._matrix(self._fit), max(1, self._rounds))

    def stopped_early(self) -> xgb.Booster:
        fit_on = self._matrix(self._fit)
        stop_on = self._matrix(self._stop, fit_on)
        return xgb.train(
            self._parameters,
            fit_on,
            self._rounds,
            evals=[(stop_on, "validation")],
            early_stopping_rounds=self._stopping,
            verbose_eval=False,
        )

    def _matrix(
        self, rows: tuple[np.ndarray, np.ndarray], bins_of: xgb.QuantileDMatrix | None = None
    ) -> xgb.QuantileDMatrix:
        threads = self._parameters["nthread"]
        return xgb.QuantileDMatrix(rows[0], label=rows[1], ref=bins_of, nthread=threads)


def _memory() -> list[Result]:
    bars, data = minute_bars(MEMORY_BARS)
    with TemporaryDirectory() as folder:
        store = BarStore(Path(folder) / "bars", 60)
        for number in range(MEMORY_SYMBOLS):
            store.write(f"COIN{number}-USD", bars[list(BAR_COLUMNS)])
        found = {how: _run(how, folder) for how in ("memory", "disk")}
    rows = int(found["memory"][2])
    what = f"features, split and {MEMORY_ROUNDS} rounds on {rows:,} x 52, {MEMORY_SYMBOLS} x {data}"
    names = ("train_peak_memory_on_disk", "MB"), ("train_time_on_disk", "s")
    return [
        Result(name, round(disk), unit, round(memory), "the same rows in memory", what)
        for (name, unit), disk, memory in zip(names, found["disk"], found["memory"], strict=False)
    ]


def _run(how: str, folder: str) -> list[float]:
    command = [sys.executable, "-m", "bench.training", how, folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(value) for value in done.stdout.split()]


def _train_once(how: str, folder: str) -> None:
    """Train from a folder of bars; print peak memory in MB, seconds and rows."""
    started = time.perf_counter()
    store = BarStore(Path(folder) / "bars", 60)
    label = LabelConfig(kind="direction", horizon_s=900)
    common = _spec(
        THREE_CLASSES,
        row_stride_bars=1,
        max_rounds=MEMORY_ROUNDS,
        use_trade_counts=True,
        external_memory=how == "disk",
    )
    profile = common.profile.model_copy(update={"label": label})
    spec = TrainingSpec(PROFILE, profile, common.training, 60, scratch=Path(folder))
    bars = StoredBars(store, store.symbols())
    with open_dataset(bars, spec, lambda _stage, _share: None) as dataset:
        split = split_by_time(dataset.time, dataset.known_at, spec.training)
        parts = split.train, split.validation
        fit_booster(dataset, parts, spec.training, lambda _share: None)
        print(own_peak_mb(), time.perf_counter() - started, len(dataset))


if __name__ == "__main__":
    _train_once(*sys.argv[1:])
