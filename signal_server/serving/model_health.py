"""How the serving model does on live bars: what the bots' halts rest on."""

from collections.abc import Callable
from dataclasses import dataclass

from signal_server.journal.evidence import live_accuracy
from signal_server.journal.journal import Journal
from signal_server.serving.served import ServedModel


@dataclass(frozen=True, slots=True)
class Drift:
    """What a drift monitor says: whether bots should stop buying, and why.

    A reason without a halt is a warning to people.
    """

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
        model: Callable[[], ServedModel],
        newest: int,
        drift: Callable[[], Drift] = Drift,
    ) -> None:
        """Watch whatever `model` says is serving, over its `newest` known outcomes."""
        self._journal = journal
        self._model = model
        self._newest = newest
        self._drift = drift

    def __call__(self) -> ModelHealth:
        """Return how it does now."""
        model = self._model()
        known, accuracy = live_accuracy(self._journal, model.identities, self._newest)
        return ModelHealth(*model.identity, known, accuracy or 0.0, self._drift())
