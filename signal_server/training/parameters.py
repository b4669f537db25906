"""From settings to XGBoost's parameters, and to what each row counts for."""

import json
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from signal_server.core.errors import ModelError
from signal_server.core.training_config import Device, SampleWeights, TrainingConfig
from signal_server.training.dataset import Dataset
from signal_server.training.weights import row_weights

Rows = NDArray[np.int64] | slice

ROWS_PER_THREAD = 100_000
MAX_THREADS = 2
"""Fixed, since the order in which threads add up gradients is part of the result: how many train
follows from the rows, never from the machine. Few rows train fastest on one."""


def parameters(dataset: Dataset, rows: int, training: TrainingConfig) -> dict[str, Any]:
    """Return the parameters of a training on so many `rows` of the dataset.

    Raises `ModelError` naming a constraint that does not fit, or a device that is not there.
    """
    return {
        **training.booster.model_dump(),
        **_objective(len(dataset.classes)),
        **_constraints(dataset, training),
        **_device(training.device),
        "tree_method": "hist",
        "seed": training.seed,
        "nthread": threads(rows),
    }


def threads(rows: int) -> int:
    """Return how many threads train on so many rows."""
    return min(MAX_THREADS, 1 + rows // ROWS_PER_THREAD)


def weights_of(
    dataset: Dataset, rows: Rows, training: TrainingConfig
) -> NDArray[np.float32] | None:
    """Return what rows that are fitted together count for; None where all count the same.

    Their mean is 1: no other row of the dataset is read.
    """
    if training.sample_weights is SampleWeights.NONE:
        return None
    return row_weights(dataset.uniqueness[rows])


def _objective(classes: int) -> dict[str, Any]:
    if classes == 2:
        return {"objective": "binary:logistic", "eval_metric": "logloss"}
    return {"objective": "multi:softprob", "eval_metric": "mlogloss", "num_class": classes}


def _constraints(dataset: Dataset, training: TrainingConfig) -> dict[str, Any]:
    signs, groups = training.monotone_constraints, training.interaction_constraints
    _require_known([*signs, *(name for group in groups for name in group)], dataset.names)
    if signs and len(dataset.classes) > 2:
        raise ModelError("monotone_constraints need a label of two classes; remove them")
    found: dict[str, Any] = {}
    if signs:
        found["monotone_constraints"] = tuple(signs.get(name, 0) for name in dataset.names)
    if groups:
        positions = [[dataset.names.index(name) for name in group] for group in groups]
        found["interaction_constraints"] = json.dumps(positions)
    return found


def _require_known(constrained: list[str], names: tuple[str, ...]) -> None:
    unknown = sorted(set(constrained) - set(names))
    if unknown:
        raise ModelError(
            f"training constrains {', '.join(unknown)}, which the profile's features lack; "
            "see `signal-server features`"
        )


def _device(device: Device) -> dict[str, Any]:
    """Return nothing for the CPU: it is XGBoost's default."""
    if device is Device.CPU:
        return {}
    rows = xgb.DMatrix(np.zeros((1, 1)))
    with xgb.config_context(verbosity=0):
        config = json.loads(xgb.Booster({"device": device.value}, [rows]).save_config())
    if config["learner"]["generic_param"]["device"] == "cpu":
        raise ModelError("training.device is cuda and no GPU is found; set it to cpu")
    return {"device": device.value}
