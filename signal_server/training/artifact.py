"""What a trained model is: its description, its bytes, and the model made of them."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import xgboost as xgb
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, ValidationError

from signal_server.core.config import ProfileConfig, TrainingConfig
from signal_server.core.domain import Direction
from signal_server.core.errors import ModelError, SchemaMismatchError
from signal_server.features.catalogue import CATALOGUE, schema_hash
from signal_server.training.calibration import Calibration
from signal_server.training.dataset import feature_matrix
from signal_server.training.lineage import Lineage
from signal_server.training.model import logits, open_booster
from signal_server.training.reference import Reference
from signal_server.training.splits import Window, Windows
from signal_server.training.validation import Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """All that is known of a model when its training ends.

    `id` is the name of its profile. `feature_hashes` has one hash a feature, so that a mismatch
    can be named. `trade_count_features` need trade counts, which the live stream lacks: a model
    that has any cannot be served. `windows` and `rounds` are those of the evaluated booster,
    `served_window` and `served_rounds` tell which rows the served one was fitted on and for how
    many rounds: the train part's, or all with `training.refit`. Of the evaluated booster,
    `gain_shares` is each used feature's share of the gain, largest first: empty means that the
    model is a constant; `shap_means` is its mean absolute SHAP value, in logits, on a sample of
    the validation part.
    """

    id: str
    profile: ProfileConfig
    training: TrainingConfig
    bar_seconds: int
    symbols: tuple[str, ...]
    classes: tuple[Direction, ...]
    feature_names: tuple[str, ...]
    feature_hashes: tuple[str, ...]
    schema_hash: str
    trade_count_features: tuple[str, ...]
    windows: Windows
    rounds: int
    served_window: Window
    served_rounds: int
    gain_shares: dict[str, float]
    shap_means: dict[str, float]
    data_fingerprint: str
    lineage: Lineage
    validation: Validation


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(ModelCard):
    """A registered model's card, with its version (sorts by time) and when it was registered.

    A key that this program does not know is refused: what it means for the model is not known.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    version: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What training returns and the registry stores; boosters are XGBoost's UBJSON.

    `booster` is served. `evaluated` is the one that the test part was predicted with, None where
    it is the same.
    """

    card: ModelCard
    booster: bytes
    calibration: Calibration
    reference: Reference
    evaluated: bytes | None = None


class Model:
    """A registered model, ready to predict."""

    def __init__(self, manifest: Manifest, booster: bytes, calibration: Calibration) -> None:
        self._manifest = manifest
        self._booster = open_booster(booster)
        self._calibration = calibration
        _require_shape(self._booster, manifest, calibration)

    @property
    def manifest(self) -> Manifest:
        """Return what is known of the model."""
        return self._manifest

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return calibrated probabilities, indexed as `features`, one column a class.

        Columns are DOWN, (FLAT,) UP; each row sums to 1. NaN counts as missing, as in training;
        further columns are ignored. Raises `SchemaMismatchError` naming missing columns and
        `ModelError` naming an infinite one.
        """
        names = self._manifest.feature_names
        missing = [name for name in names if name not in features.columns]
        if missing:
            raise SchemaMismatchError(f"{self._title} needs features not given: {_join(missing)}")
        columns = [direction.value for direction in self._manifest.classes]
        chances = self.predict_rows(feature_matrix(features, names))
        return pd.DataFrame(chances, index=features.index, columns=columns)

    def predict_rows(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return calibrated probabilities (rows, classes) for finite or NaN (rows, features).

        Columns are `manifest.feature_names` in their order; it is the caller's to see to that.
        """
        raw = logits(self._booster, features, len(self._manifest.classes))
        return self._calibration.apply(raw)

    def check_schema(self) -> None:
        """Raise `SchemaMismatchError` unless this code computes the features it was trained on.

        The error names the features that are gone or are computed in another way.
        """
        manifest = self._manifest
        known = {feature.name for feature in CATALOGUE}
        gone = [name for name in manifest.feature_names if name not in known]
        if gone:
            raise SchemaMismatchError(self._mismatch(f"it needs unknown features {_join(gone)}"))
        pairs = zip(manifest.feature_names, manifest.feature_hashes, strict=True)
        changed = [name for name, digest in pairs if schema_hash((name,)) != digest]
        if changed:
            raise SchemaMismatchError(self._mismatch(f"the definition of {_join(changed)} changed"))
        if schema_hash(manifest.feature_names) != manifest.schema_hash:
            raise SchemaMismatchError(self._mismatch("the feature schema's version changed"))

    def check_bar_seconds(self, bar_seconds: int) -> None:
        """Raise `SchemaMismatchError` unless the model was trained on bars of this length."""
        if self._manifest.bar_seconds != bar_seconds:
            raise SchemaMismatchError(
                self._mismatch(
                    f"it was trained on bars of {self._manifest.bar_seconds} s, not {bar_seconds} s"
                )
            )

    @property
    def _title(self) -> str:
        return f"model {self._manifest.id} {self._manifest.version}"

    def _mismatch(self, difference: str) -> str:
        return f"{self._title} does not fit: {difference}; train it again"


_MANIFEST = TypeAdapter(Manifest)
_CALIBRATION: TypeAdapter[Calibration] = TypeAdapter(Calibration)


def manifest_to_json(manifest: Manifest) -> bytes:
    """Return the manifest as indented JSON, UTF-8."""
    return _MANIFEST.dump_json(manifest, indent=2)


def manifest_from_json(content: bytes) -> Manifest:
    """Read a manifest; raise `ModelError` naming the first bad key."""
    try:
        return _MANIFEST.validate_json(content)
    except ValidationError as error:
        raise ModelError(f"the manifest does not fit this program: {_first(error)}") from error


def calibration_to_json(calibration: Calibration) -> bytes:
    """Return the calibration as indented JSON, UTF-8."""
    return _CALIBRATION.dump_json(calibration, indent=2)


def calibration_from_json(content: bytes) -> Calibration:
    """Read a calibration; raise `ModelError` naming the first bad key."""
    try:
        return _CALIBRATION.validate_json(content)
    except ValidationError as error:
        raise ModelError(f"the calibration does not fit this program: {_first(error)}") from error


def _require_shape(booster: xgb.Booster, manifest: Manifest, calibration: Calibration) -> None:
    names, classes = len(manifest.feature_names), len(manifest.classes)
    if booster.num_features() != names or len(manifest.feature_hashes) != names:
        raise ModelError(
            f"the booster takes {booster.num_features()} features, its manifest names {names}; "
            "train the model again"
        )
    if _outputs(booster, manifest) != classes:
        raise ModelError(f"the booster does not predict {classes} classes; train the model again")
    if calibration.class_count != classes or not _is_finite(calibration):
        raise ModelError(f"the calibration is not one of {classes} classes; train the model again")


def _outputs(booster: xgb.Booster, manifest: Manifest) -> int:
    row = np.full((1, len(manifest.feature_names)), np.nan, dtype=np.float32)
    try:
        return logits(booster, row, len(manifest.classes)).shape[1]
    except (ValueError, TypeError, xgb.core.XGBoostError):
        return 0


def _is_finite(calibration: Calibration) -> bool:
    probabilities = calibration.apply(np.zeros((1, calibration.class_count)))
    return bool(np.isfinite(probabilities).all())


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    return f"{key}: {first['msg']}"


def _join(names: list[str]) -> str:
    return ", ".join(names)
