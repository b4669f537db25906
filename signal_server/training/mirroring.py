"""Learning as much from the mirrored market as from the market itself.

A coin that rose through the years it was learned from teaches a booster to say UP, and which way it
goes next year it cannot know. With every row its mirror image is learned (prices inverted, UP for
DOWN), and a forecast is the mean of what the booster says of a row and, mirrored, of its image. So
nothing is learned but what holds for rises and falls alike, from twice the rows.
"""

import json
from dataclasses import dataclass

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from signal_server.core.training_config import TrainingConfig
from signal_server.features.mirror import FeatureMirror, mirror_of
from signal_server.training.dataset import Dataset
from signal_server.training.parameters import Rows

Weights = NDArray[np.float32] | None

_ATTRIBUTE = "mirror"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a booster is given: features (rows, names), labels and weights (rows,)."""

    features: NDArray[np.float32]
    labels: NDArray[np.int8]
    weights: Weights


def lesson_of(dataset: Dataset, rows: Rows, weights: Weights, training: TrainingConfig) -> Lesson:
    """Return the rows as they are learned: with `training.mirror`, each with its mirror image."""
    features, labels = dataset.features[rows], dataset.labels[rows]
    if not training.mirror:
        return Lesson(features, labels, weights)
    images = mirror_of(dataset.names).apply(features)
    turned = (len(dataset.classes) - 1 - labels).astype(labels.dtype)
    return Lesson(
        np.concatenate([features, images]),
        np.concatenate([labels, turned]),
        None if weights is None else np.concatenate([weights, weights]),
    )


def marked(raw: bytes, dataset: Dataset, training: TrainingConfig) -> bytes:
    """Write into a booster how its rows are mirrored, so that whoever opens it knows.

    `raw` and what is returned are XGBoost's UBJSON; without `training.mirror` they are the same.
    """
    if not training.mirror:
        return raw
    booster = xgb.Booster()
    booster.load_model(bytearray(raw))
    mirror = mirror_of(dataset.names)
    content = [mirror.signs.tolist(), mirror.offsets.tolist()]
    booster.set_attr(**{_ATTRIBUTE: json.dumps(content)})
    return bytes(booster.save_raw("ubj"))


def mirror_in(booster: xgb.Booster) -> FeatureMirror | None:
    """Return the mirror that was written into the booster, if any."""
    content = booster.attr(_ATTRIBUTE)
    if content is None:
        return None
    signs, offsets = (np.asarray(values, dtype=np.float32) for values in json.loads(content))
    return FeatureMirror(signs, offsets)


def balanced(said: NDArray[np.float64], said_of_images: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of logits (rows, classes) and those of the images with the classes turned."""
    return np.asarray((said + said_of_images[:, ::-1]) / 2, dtype=np.float64)
