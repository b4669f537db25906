"""Forecasts of a walk forward on disk: one file a step, written whole, and one of all of them.

<root>/<profile>/<key>/steps/<moment>.parquet   probabilities of the model and of the baselines
<root>/<profile>/<key>/forecasts.parquet        every row, beside what became of it
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from signal_server.core.config import ProfileConfig, TrainingConfig
from signal_server.features.mirror import mirror_of
from signal_server.training.dataset import Dataset
from signal_server.training.evaluation import Rival
from signal_server.training.splits import Schedule

ALL = "forecasts.parquet"
PACKAGES = ("xgboost", "scikit-learn", "numpy")
_META = b"walk_forward"


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What one step said of its rows, and of what model: rounds kept, kind of calibration."""

    probabilities: NDArray[np.float64]
    rivals: tuple[Rival, ...]
    rounds: int
    calibration: str


@dataclass(frozen=True, slots=True)
class WalkKey:
    """All but the data that the forecasts of a walk forward depend on."""

    profile_name: str
    profile: ProfileConfig
    training: TrainingConfig
    bar_seconds: int
    symbols: tuple[str, ...]
    names: tuple[str, ...]
    schedule: Schedule

    def digest(self) -> str:
        """Return twelve hex digits; a later end of the schedule leaves them as they are.

        The code of this package is part of it: forecasts of other code are not taken up.
        """
        content = {
            "profile": self.profile.model_dump(mode="json"),
            "training": self.training.model_dump(mode="json"),
            "bar_seconds": self.bar_seconds,
            "symbols": self.symbols,
            "features": self.names,
            "mirror": self._mirror(),
            "schedule": {
                name: str(value) for name, value in asdict(self.schedule).items() if name != "end"
            },
            "packages": {name: version(name) for name in PACKAGES},
            "code": _code(),
        }
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def _mirror(self) -> list[list[float]]:
        """Return what the catalogue makes of the features in the mirror; no row shows it."""
        if not self.training.mirror:
            return []
        mirror = mirror_of(self.names)
        return [mirror.signs.tolist(), mirror.offsets.tolist()]


class ForecastFolder:
    """Where one walk forward keeps its forecasts."""

    def __init__(self, root: Path, key: WalkKey) -> None:
        self.path = root / key.profile_name / key.digest()
        self._steps = self.path / "steps"

    def read(self, moment: datetime, digest: str) -> Forecasts | None:
        """Return the forecasts of a step made from rows of this digest; None if there are none.

        A file that cannot be read, or is not what was written, counts as none: the step is made
        again.
        """
        try:
            table = pq.read_table(self._step(moment))
            meta = json.loads((table.schema.metadata or {})[_META])
            whole = meta.pop("sum") == _sum(table, meta)
        except (OSError, KeyError, ValueError, TypeError, AttributeError, pa.ArrowException):
            return None
        return _from_table(table, meta) if whole and meta["digest"] == digest else None

    def write(self, moment: datetime, digest: str, made: Forecasts) -> None:
        """Keep the forecasts of a step; its file appears whole or not at all."""
        _write(self._step(moment), _to_table(digest, made))

    def write_all(
        self, dataset: Dataset, rows: NDArray[np.int64], probabilities: NDArray[np.float64]
    ) -> None:
        """Keep every forecast row beside its outcome, in columns as `predict` writes them.

        `return` is that of the dataset, a share.
        """
        names = np.array([direction.value for direction in dataset.classes])
        symbols = np.array(dataset.symbols)
        frame = pd.DataFrame(
            {
                "symbol": symbols[dataset.symbol_codes[rows]],
                "close_time": dataset.time[rows],
                **_columns("p", dataset, probabilities),
                "direction": names[probabilities.argmax(axis=1)],
                "confidence": probabilities.max(axis=1),
                "label": names[dataset.labels[rows]],
                "label_known_at": dataset.known_at[rows],
                "return": dataset.returns[rows],
            }
        )
        _write(self.path / ALL, pa.Table.from_pandas(frame, preserve_index=False))

    def write_result(self, content: bytes) -> Path:
        """Keep the results as `result.json`; return its path."""
        path = self.path / "result.json"
        partial = _partial(path)
        partial.write_bytes(content)
        partial.replace(path)
        return path

    def _step(self, moment: datetime) -> Path:
        return self._steps / f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}.parquet"


def _code() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _columns(
    prefix: str, dataset: Dataset, probabilities: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    pairs = zip(dataset.classes, probabilities.T, strict=True)
    return {f"{prefix}_{direction.value.lower()}": column for direction, column in pairs}


def _to_table(digest: str, made: Forecasts) -> pa.Table:
    """Lay out a step: the model's probabilities, then each baseline's class and probabilities."""
    columns = {f"model_{i}": column for i, column in enumerate(made.probabilities.T)}
    for rival in made.rivals:
        columns[f"{rival.name}: class"] = rival.predicted
        if rival.probabilities is not None:
            of_classes = enumerate(rival.probabilities.T)
            columns |= {f"{rival.name}_{i}": column for i, column in of_classes}
    meta = {
        "digest": digest,
        "rounds": made.rounds,
        "calibration": made.calibration,
        "rivals": [rival.name for rival in made.rivals],
    }
    table = pa.table(columns)
    meta["sum"] = _sum(table, meta)
    return table.replace_schema_metadata({_META: json.dumps(meta)})


def _sum(table: pa.Table, meta: dict[str, Any]) -> str:
    """Return a digest of all that a step's file says; the format itself finds no flipped bit."""
    digest = hashlib.blake2b(json.dumps(meta, sort_keys=True).encode(), digest_size=16)
    for name in table.column_names:
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(table[name].to_numpy()).data)
    return digest.hexdigest()


def _from_table(table: pa.Table, meta: dict[str, Any]) -> Forecasts:
    return Forecasts(
        probabilities=_matrix(table, "model"),
        rivals=tuple(_rival(table, name) for name in meta["rivals"]),
        rounds=meta["rounds"],
        calibration=meta["calibration"],
    )


def _rival(table: pa.Table, name: str) -> Rival:
    predicted = table[f"{name}: class"].to_numpy().astype(np.int8)
    has_probabilities = f"{name}_0" in table.column_names
    return Rival(name, predicted, _matrix(table, name) if has_probabilities else None)


def _matrix(table: pa.Table, name: str) -> NDArray[np.float64]:
    columns = [one for one in table.column_names if one.startswith(f"{name}_")]
    return np.column_stack([table[one].to_numpy() for one in columns])


def _write(path: Path, table: pa.Table) -> None:
    partial = _partial(path)
    pq.write_table(table, partial)
    partial.replace(path)


def _partial(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{path.name}.{os.getpid()}")
