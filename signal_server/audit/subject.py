"""What an audit looks at: every part of the way from bars to a fit, each of which can be replaced.

A check takes the subject and calls its parts, never the product's own, so that a test can plant a
leak in one part and see it found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig, TrainingConfig
from signal_server.core.domain import Bar
from signal_server.features.catalogue import (
    compute_features,
    feature_names,
    leaders_of,
    warmup_bars,
)
from signal_server.features.live import LiveFeatures
from signal_server.labels import make_labels
from signal_server.training.artifact import calibration_to_json
from signal_server.training.dataset import Dataset, DatasetSpec, build_dataset
from signal_server.training.model import logits, open_booster
from signal_server.training.splits import Schedule, Split, Step, split_by_time, walk_steps
from signal_server.training.train import TrainingSpec, dataset_spec, fit_model
from signal_server.training.tuning import Fold, folds_of

Frames = Mapping[str, pd.DataFrame]
"""Bar frames by symbol."""

Compute = Callable[[pd.DataFrame, Sequence[str], Frames], pd.DataFrame]
Labelling = Callable[[pd.DataFrame, LabelConfig, int], pd.DataFrame]
Building = Callable[[Frames, DatasetSpec], Dataset]
Splitting = Callable[[pd.DatetimeIndex, pd.DatetimeIndex, TrainingConfig], Split]
Stepping = Callable[[pd.DatetimeIndex, pd.DatetimeIndex, Schedule, TrainingConfig], Iterable[Step]]
Folding = Callable[[Dataset, TrainingConfig], Iterable[Fold]]


class LiveEngine(Protocol):
    """Keeps the newest feature row of all symbols up with each bar."""

    def open(self, history: Frames) -> None:
        """Begin with the stored bars."""

    def append(self, bars: Sequence[Bar]) -> None:
        """Take new bars."""

    def rows(self, symbols: Sequence[str]) -> NDArray[np.float64]:
        """Return the features of each symbol's newest bar (symbols, names)."""


LiveEngines = Callable[[Sequence[str], Sequence[str], int], LiveEngine]
"""Takes the features' names, the symbols and the length of a bar in seconds."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What was fitted, as bytes to compare, and its logits (rows, classes) for feature rows."""

    booster: bytes
    calibration: bytes
    logits: Callable[[NDArray[np.float32]], NDArray[np.float64]]


Learning = Callable[[Dataset, Split, TrainingSpec], Learned]


def _build(bars: Frames, spec: DatasetSpec) -> Dataset:
    return build_dataset(bars, spec, lambda _: None)


def _learn(dataset: Dataset, split: Split, spec: TrainingSpec) -> Learned:
    fit = fit_model(dataset, split, spec, lambda _, __: None)
    booster = open_booster(fit.booster.raw)
    return Learned(
        booster=fit.booster.raw,
        calibration=calibration_to_json(fit.calibration.calibration),
        logits=lambda features: logits(booster, features, len(dataset.classes)),
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """The parts of one profile: those of the product, unless others are given.

    `leaders` are the symbols that the features `names` read beside their own.
    """

    spec: TrainingSpec
    names: tuple[str, ...]
    leaders: tuple[str, ...] = ()
    compute: Compute = compute_features
    warmup: Callable[[Sequence[str]], int] = warmup_bars
    live: LiveEngines = LiveFeatures
    label: Labelling = make_labels
    build: Building = _build
    split: Splitting = split_by_time
    steps: Stepping = walk_steps
    folds: Folding = folds_of
    learn: Learning = _learn

    @property
    def bar_seconds(self) -> int:
        """Return the length of a bar."""
        return self.spec.bar_seconds

    @property
    def label_config(self) -> LabelConfig:
        """Return what is predicted."""
        return self.spec.profile.label

    def features(self, symbol: str, bars: Frames, names: Iterable[str] = ()) -> pd.DataFrame:
        """Return the features of one symbol's bars, all of them unless `names` are given."""
        leaders = {leader: bars[leader] for leader in self.leaders}
        return self.compute(bars[symbol], tuple(names) or self.names, leaders)

    def dataset(self, bars: Frames) -> Dataset:
        """Return the labelled rows."""
        return self.build(bars, dataset_spec(self.spec, self.names))

    def parts(self, dataset: Dataset) -> Split:
        """Return the dataset's parts."""
        return self.split(dataset.time, dataset.known_at, self.spec.training)


def subject_of(spec: TrainingSpec) -> Subject:
    """Return the product's way to train a profile."""
    names = feature_names(spec.profile.features, trade_counts=spec.training.use_trade_counts)
    return Subject(spec, names, leaders_of(names))
