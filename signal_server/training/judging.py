"""A model on bars of a later time: the figures of a training, of rows that it never learned."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.errors import NoHistoryError
from signal_server.features.catalogue import leaders_of, warmup_bars
from signal_server.market.store import BarStore
from signal_server.market.stored import StoredBars
from signal_server.training.artifact import Model
from signal_server.training.baselines import rivals_of
from signal_server.training.dataset import Dataset, build_dataset
from signal_server.training.scoring import learned_period
from signal_server.training.train import Report, TrainingSpec, dataset_spec, evaluation_of
from signal_server.training.tries import THIS_ONE
from signal_server.training.validation import Validation, validate


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """Which rows to judge a model on: start < close <= end, all later ones that are stored if None.

    `round_trip_bps` is what buying and selling costs.
    """

    model: Model
    symbols: tuple[str, ...]
    start: datetime | None
    end: datetime | None
    round_trip_bps: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """A model's results; `start` and `end` are the closes of the first and last row, in UTC."""

    name: str
    version: str
    symbols: tuple[str, ...]
    learned_until: datetime
    start: datetime
    end: datetime
    validation: Validation


def judge(store: BarStore, request: JudgeRequest, report: Report) -> Judgement:
    """Judge a model as its training did, at the same row stride, on rows after all it learned from.

    The baselines are fitted on the stored rows of the time that the model learned from. Raises
    `NoHistoryError` when no row is left and `SchemaMismatchError` when the model does not fit.
    """
    manifest = request.model.manifest
    request.model.check_schema()
    request.model.check_bar_seconds(store.bar_seconds)
    first, learned_until = learned_period(manifest)
    dataset = _dataset(store, request, first, report)
    rows = _rows(dataset, request, learned_until)
    if not len(rows):
        raise NoHistoryError(
            f"{manifest.id} {manifest.version} has learned up to {learned_until:%Y-%m-%d %H:%M} "
            "UTC, and no row of this period with a known outcome is stored after that; import or "
            "backfill later bars"
        )
    learned = np.flatnonzero(np.asarray(dataset.known_at < pd.Timestamp(learned_until)))
    report("predictions", 0.0)
    chances = request.model.predict_rows(dataset.features[rows])
    rivals = rivals_of(dataset, learned, rows) if len(learned) else ()
    validation = validate(evaluation_of(dataset, rows, chances, _spec(request), rivals))
    report("predictions", 1.0)
    time = dataset.time[rows]
    return Judgement(
        name=manifest.id,
        version=manifest.version,
        symbols=dataset.symbols,
        learned_until=learned_until,
        start=time[0].to_pydatetime(),
        end=time[-1].to_pydatetime(),
        validation=validation,
    )


def _spec(request: JudgeRequest) -> TrainingSpec:
    """Return how the model was trained, for the rows and the results to be of the same kind."""
    manifest = request.model.manifest
    return TrainingSpec(
        manifest.id,
        manifest.profile,
        manifest.training,
        manifest.bar_seconds,
        round_trip_bps=request.round_trip_bps,
        tried=manifest.validation.tried or THIS_ONE,
        symbols=request.symbols,
    )


def _dataset(store: BarStore, request: JudgeRequest, first: datetime, report: Report) -> Dataset:
    names = request.model.manifest.feature_names
    warm_up = timedelta(seconds=warmup_bars(names) * store.bar_seconds)
    symbols = tuple(sorted({*request.symbols, *leaders_of(names)}))
    bars = StoredBars(store, symbols, (first - warm_up, request.end))
    return build_dataset(bars, dataset_spec(_spec(request), names), partial(report, "features"))


def _rows(dataset: Dataset, request: JudgeRequest, learned_until: datetime) -> NDArray[np.int64]:
    inside = np.asarray(dataset.time >= pd.Timestamp(learned_until))
    if request.start is not None:
        inside &= np.asarray(dataset.time > pd.Timestamp(request.start))
    return np.flatnonzero(inside)
