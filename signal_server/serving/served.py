"""A model as serving sees it: what it needs and the function that makes predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig
from signal_server.core.domain import Direction
from signal_server.features.catalogue import leaders_of, warmup_bars
from signal_server.journal.evidence import Version
from signal_server.serving.history import VOLATILITY_BARS


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that may predict live.

    `predict` turns the features `names`, float32 (rows, names), NaN where undefined, into
    calibrated probabilities (rows, classes). `label` is what it predicts.
    """

    id: str
    version: str
    label: LabelConfig
    bar_seconds: int
    symbols: Sequence[str]
    schema_hash: str
    names: tuple[str, ...]
    classes: tuple[Direction, ...]
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]]

    @property
    def identity(self) -> Version:
        """Its id and version."""
        return self.id, self.version

    @property
    def history_bars(self) -> int:
        """How many bars of a symbol a prediction rests on, its newest included."""
        return max(warmup_bars(self.names), VOLATILITY_BARS) + 1

    @property
    def leaders(self) -> tuple[str, ...]:
        """The symbols whose bars of the same close every prediction needs too."""
        return leaders_of(self.names)
