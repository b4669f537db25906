"""How the serving model does on live bars: what the bots' halts rest on."""

from collections.abc import Callable
from dataclasses import dataclass

from signal_server.journal.journal import Journal


@dataclass(frozen=True, slots=True)
class Drift:
    """What a drift monitor says: whether bots should stop buying, and why."""

    halt: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """`accuracy` is the share of the newest `known_outcomes` predictions that came true."""

    model_id: str
    model_version: str
    known_outcomes: int
    accuracy: float
    drift: Drift


class HealthWatch:
    """Reads how a model does from the trade log; `drift` is asked each time."""

    def __init__(
        self,
        journal: Journal,
        model: tuple[str, str],
        newest: int,
        drift: Callable[[], Drift] = Drift,
    ) -> None:
        """Watch the model with this id and version over its `newest` known outcomes."""
        self._journal = journal
        self._model = model
        self._newest = newest
        self._drift = drift

    def __call__(self) -> ModelHealth:
        """Return how it does now."""
        model_id, version = self._model
        row = self._journal.query(
            "SELECT count(*) AS known, avg(correct) AS accuracy FROM ("
            " SELECT correct FROM ml_predictions"
            " WHERE model_id = ? AND model_version = ? AND correct IS NOT NULL"
            " ORDER BY id DESC LIMIT ?)",
            (model_id, version, self._newest),
        )[0]
        return ModelHealth(
            model_id=model_id,
            model_version=version,
            known_outcomes=row["known"],
            accuracy=row["accuracy"] or 0.0,
            drift=self._drift(),
        )
