"""Two models on the same rows, of which neither has learned."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.errors import ModelError, NoHistoryError
from signal_server.market.store import BarStore
from signal_server.training.artifact import Model
from signal_server.training.bootstrap import Estimate, Resampling, time_blocks
from signal_server.training.metrics import brier_scores, calibration_error, log_losses
from signal_server.training.scoring import Progress, ScoreRequest, iter_scores, learned_period
from signal_server.training.verdict import MIN_CONFIDENCE

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """One model on the rows; `confident` counts those at confidence >= 0.60, FLAT included.

    Losses are in nats; `confident_accuracy` is None without such a row.
    """

    version: str
    accuracy: float
    log_loss: float
    brier: float
    calibration_error: float
    confident: int
    confident_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Duel:
    """Both scores, and what the second gains on the first in paired rows; above 0 is better.

    `start` and `end` are the closes of the first and last row, tz-aware UTC.
    """

    scores: tuple[Score, Score]
    symbols: tuple[str, ...]
    rows: int
    start: datetime
    end: datetime
    accuracy_gain: Estimate
    log_loss_gain: Estimate


def fight(store: BarStore, models: tuple[Model, Model], report: Progress) -> Duel:
    """Let two models predict all stored bars after everything that either has learned from.

    Only rows count that both could predict and whose outcome is known. Raises `ModelError` when
    they predict different things and `NoHistoryError` when there is no row for both.
    """
    first, second = (model.manifest for model in models)
    if first.profile.label != second.profile.label:
        raise ModelError(f"{first.id} and {second.id} predict different things; compare others")
    symbols = tuple(one for one in first.symbols if one in second.symbols)
    begin = max(learned_period(manifest)[1] for manifest in (first, second))
    frames = [_scored(store, ScoreRequest(model, symbols, begin), report) for model in models]
    both = frames[0].merge(frames[1], on=["close_time", "symbol"], suffixes=("_0", "_1"))
    if not len(both):
        raise NoHistoryError(
            f"no bars are stored after {begin:%Y-%m-%d %H:%M} UTC that both could predict; "
            "backfill some"
        )
    return _judge(both.sort_values(["close_time", "symbol"]), models, symbols)


def _scored(store: BarStore, request: ScoreRequest, report: Progress) -> pd.DataFrame:
    names = [f"p_{name.lower()}" for name in request.model.manifest.classes]
    frames: Iterable[pd.DataFrame] = chain.from_iterable(
        _of_symbol(store, replace(request, symbols=(symbol,)), report) for symbol in request.symbols
    )
    known = [frame.loc[frame["label"].notna()] for frame in frames]
    kept = [frame.astype({"symbol": "str"})[["close_time", "symbol", "label", *names]]
            for frame in known]  # fmt: skip
    return pd.concat(kept) if kept else pd.DataFrame(columns=["close_time", "symbol"])


def _of_symbol(store: BarStore, request: ScoreRequest, report: Progress) -> Iterable[pd.DataFrame]:
    try:
        yield from iter_scores(store, request, report)
    except NoHistoryError:
        # A symbol whose bars end before is left out; without any the caller says so.
        return


def _judge(both: pd.DataFrame, models: tuple[Model, Model], symbols: tuple[str, ...]) -> Duel:
    manifest = models[0].manifest
    classes = manifest.classes
    labels = pd.Categorical(both["label_0"], [name.value for name in classes]).codes
    chances = [
        both[[f"p_{name.lower()}_{side}" for name in classes]].to_numpy(np.float64)
        for side in (0, 1)
    ]
    right = [(one.argmax(axis=1) == labels).astype(np.float64) for one in chances]
    losses = [log_losses(one, labels) for one in chances]
    time = pd.DatetimeIndex(both["close_time"])
    blocks = time_blocks(time, manifest.profile.label.horizon_s)
    resampling = Resampling.of(blocks, manifest.training.seed)
    return Duel(
        scores=(
            _score(models[0].manifest.version, chances[0], labels),
            _score(models[1].manifest.version, chances[1], labels),
        ),
        symbols=symbols,
        rows=len(both),
        start=time[0].to_pydatetime(),
        end=time[-1].to_pydatetime(),
        accuracy_gain=resampling.mean(right[1] - right[0]),
        log_loss_gain=resampling.mean(losses[0] - losses[1]),
    )


def _score(version: str, chances: Matrix, labels: NDArray[np.int8]) -> Score:
    confidence = chances.max(axis=1)
    right = (chances.argmax(axis=1) == labels).astype(np.float64)
    sure = confidence >= MIN_CONFIDENCE
    return Score(
        version=version,
        accuracy=float(right.mean()),
        log_loss=float(log_losses(chances, labels).mean()),
        brier=float(brier_scores(chances, labels).mean()),
        calibration_error=calibration_error(confidence, right),
        confident=int(sure.sum()),
        confident_accuracy=float(right[sure].mean()) if sure.any() else None,
    )
