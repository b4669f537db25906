"""A model as serving sees it: what it needs and the function that makes predictions."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig
from signal_server.core.domain import Direction
from signal_server.core.errors import ModelError
from signal_server.features.catalogue import leaders_of, warmup_bars
from signal_server.journal.evidence import Version
from signal_server.serving.history import VOLATILITY_BARS


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that may predict live.

    `predict` turns the features `names`, float32 (rows, names), NaN where undefined, into
    calibrated probabilities (rows, classes). `label` is what it predicts. With `own` each of its
    symbols has a model to itself, and this one only stands for them all: it predicts no others.
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
    own: Mapping[str, "ServedModel"] = field(default_factory=dict)

    @property
    def identity(self) -> Version:
        """Its id and version."""
        return self.id, self.version

    @property
    def identities(self) -> tuple[Version, ...]:
        """The ids and versions that its signals carry."""
        return tuple(one.identity for one in self.own.values()) or (self.identity,)

    def predicts(self, symbol: str) -> bool:
        """Tell whether there is a model for the symbol."""
        return not self.own or symbol in self.own

    def of(self, symbol: str) -> "ServedModel":
        """Return the model that predicts the symbol."""
        return self.own.get(symbol, self)

    @property
    def history_bars(self) -> int:
        """How many bars of a symbol a prediction rests on, its newest included."""
        return max(warmup_bars(self.names), VOLATILITY_BARS) + 1

    @property
    def leaders(self) -> tuple[str, ...]:
        """The symbols whose bars of the same close every prediction needs too."""
        return leaders_of(self.names)


def one_each(profile: str, own: Mapping[str, ServedModel]) -> ServedModel:
    """Return models by symbol as one model, which gives each symbol its own.

    Raises `ModelError` naming two that differ in their features or in what they predict.
    """
    first, model = next(iter(own.items()))
    for symbol, other in own.items():
        if _kind(other) != _kind(model):
            raise ModelError(
                f"the models of {first} and {symbol} differ in their features or label; "
                f"train them again with `signal-server train --profile {profile}`"
            )
    versions = {symbol: one.version for symbol, one in own.items()}
    version = version_of(versions)
    return replace(model, id=profile, version=version, symbols=tuple(own), own=own)


def version_of(versions: Mapping[str, str]) -> str:
    """Return one version that stands for those by symbol."""
    text = " ".join(f"{symbol}@{versions[symbol]}" for symbol in sorted(versions))
    return f"{len(versions)}-models-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _kind(model: ServedModel) -> tuple[object, ...]:
    return model.schema_hash, model.names, model.label, model.classes, model.bar_seconds
