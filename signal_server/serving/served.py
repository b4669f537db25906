"""The model as serving sees it: what it needs and the two functions that make a prediction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from signal_server.core.config import LabelConfig


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that may predict live.

    `compute` turns a bar frame into feature columns; `predict` turns feature rows into calibrated
    probabilities with one column a class name. `warmup_bars` bars before the newest are needed.
    `label` is what it predicts.
    """

    id: str
    version: str
    label: LabelConfig
    bar_seconds: int
    symbols: Sequence[str]
    schema_hash: str
    warmup_bars: int
    compute: Callable[[pd.DataFrame], pd.DataFrame]
    predict: Callable[[pd.DataFrame], pd.DataFrame]
