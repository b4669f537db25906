"""What ideas for predicting are worth: each learns from the past of two quarters, judged on them.

`python -m bench.edge` tries every idea of `IDEAS`, `python -m bench.edge "depth 8"` the named. Bars
from April 2025 on are never read. It takes an hour or more and is no part of `make bench`.
"""

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from bench.bars import real_minutes
from signal_server.core.config import load_settings
from signal_server.core.training_config import TrainingConfig
from signal_server.features.catalogue import feature_names
from signal_server.training.dataset import Dataset, DatasetSpec, build_dataset
from signal_server.training.metrics import log_losses
from signal_server.training.model import logits, open_booster, refit_booster

COINS = ("BTC-USD", "ETH-USD", "SUI-USD", "TAO-USD")
FOLDS = (("2024-10-01", "2025-01-01"), ("2025-01-01", "2025-04-01"))
ASKED_MINUTES = 5
"""A forecast every so many minutes is judged."""
COIN_TOSS = np.log(2)


@dataclass(frozen=True, slots=True)
class Idea:
    """What of a profile is changed: settings of its training, those of its booster, its rounds.

    `horizon_s` replaces the profile's; features that begin with one of `without` are left out.
    `seeds` boosters are fitted and their logits averaged.
    """

    profile: str = "direction-15m"
    rounds: int = 400
    training: dict[str, Any] = field(default_factory=dict)
    booster: dict[str, Any] = field(default_factory=dict)
    horizon_s: int | None = None
    without: tuple[str, ...] = ()
    seeds: int = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """The forecasts of a fold: logits of UP, whether it came, the coin, the bar's close."""

    margins: NDArray[np.float64]
    up: NDArray[np.bool_]
    coins: NDArray[np.str_]
    time: pd.DatetimeIndex

    @property
    def strength(self) -> NDArray[np.float64]:
        """Return how sure the likelier side is, 0.5 to 1."""
        return 1 / (1 + np.exp(-np.abs(self.margins)))

    @property
    def right(self) -> NDArray[np.bool_]:
        """Return whether the likelier side came true."""
        return np.asarray((self.margins > 0) == self.up)

    def surest(self, share: float) -> NDArray[np.bool_]:
        """Return which rows are of the surest `share`."""
        return np.asarray(self.strength >= np.quantile(self.strength, 1 - share))


IDEAS = {
    "as served": Idea(rounds=0),
    "no mirror": Idea(training={"mirror": False}, rounds=300),
    "depth 3": Idea(booster={"max_depth": 3}, rounds=450),
    "depth 4": Idea(booster={"max_depth": 4, "min_child_weight": 3000}, rounds=800),
    "depth 6": Idea(booster={"max_depth": 6, "min_child_weight": 1000}, rounds=400),
    "depth 8": Idea(booster={"max_depth": 8, "min_child_weight": 1000}, rounds=300),
    "no calendar": Idea(without=("hour_", "day_", "week_")),
    "4 seeds": Idea(booster={"max_depth": 8, "min_child_weight": 1000}, rounds=300, seeds=4),
}


def main(wanted: list[str]) -> int:
    """Judge the named ideas, or all."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("idea", "fold", "rows", "gain", "top tenth", "top 1%", ">= 0.60", "right"):
        table.add_column(name, justify="left" if name in {"idea", "fold"} else "right")
    for name in wanted or list(IDEAS):
        for (start, _), judged in zip(FOLDS, judge(IDEAS[name]), strict=True):
            table.add_row(name, start, *_figures(judged))
    Console(width=120).print(table)
    return 0


def judge(idea: Idea) -> Iterator[Judged]:
    """Yield the forecasts of each fold by boosters that knew nothing of it."""
    settings = load_settings()
    profile = settings.profiles[idea.profile]
    own = settings.training_of(idea.profile)
    training = own.overridden({**idea.training, "booster": idea.booster})
    label = profile.label
    if idea.horizon_s is not None:
        label = label.model_copy(update={"horizon_s": idea.horizon_s})
    names = feature_names(profile.features, trade_counts=False)
    names = tuple(name for name in names if not name.startswith(idea.without or ("\0",)))
    stride = math.gcd(training.row_stride_bars, ASKED_MINUTES)
    bars = {coin: real_minutes(coin) for coin in COINS}
    data = build_dataset(bars, DatasetSpec(names, label, 60, stride), lambda _share: None)
    for fold in FOLDS:
        yield _judge_fold(idea, training, data, fold)


def _judge_fold(
    idea: Idea, training: TrainingConfig, data: Dataset, fold: tuple[str, str]
) -> Judged:
    start, end = (pd.Timestamp(day, tz="UTC") for day in fold)
    learned = _each(training.row_stride_bars, data) & np.asarray(data.known_at < start)
    asked = _each(ASKED_MINUTES, data) & np.asarray((data.time >= start) & (data.time < end))
    past, rows = data.only(learned), data.only(asked)
    rounds = idea.rounds or training.max_rounds
    margins = np.zeros(len(rows))
    for seed in range(idea.seeds):
        seeded = training.overridden({"seed": training.seed + seed})
        booster = open_booster(refit_booster(past, rounds, seeded, lambda _share: None))
        said = logits(booster, rows.features, 2)
        margins += (said[:, 1] - said[:, 0]) / idea.seeds
    coins = np.asarray(rows.symbols)[rows.symbol_codes]
    return Judged(margins, rows.labels == 1, coins, rows.time)


def _each(minutes: int, data: Dataset) -> NDArray[np.bool_]:
    """Return which rows lie on every so many minutes of the clock."""
    return np.asarray(data.time.as_unit("s").asi8 // 60 % minutes == 0)


def _figures(judged: Judged) -> tuple[str, ...]:
    up = 1 / (1 + np.exp(-judged.margins))
    loss = log_losses(np.column_stack([1 - up, up]), judged.up.astype(np.int8)).mean()
    sure, right = judged.strength >= 0.6, judged.right
    return (
        f"{len(up):,}",
        f"{(COIN_TOSS - loss) * 1e5:.0f}",
        *(f"{right[judged.surest(share)].mean():.1%}" for share in (0.1, 0.01)),
        f"{sure.sum():,}",
        f"{right[sure].mean():.1%}" if sure.any() else "",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
