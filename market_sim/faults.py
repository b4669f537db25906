"""Faults of the stand-ins, switched on and off by name while they run."""

import random
from dataclasses import dataclass
from enum import StrEnum


class FaultName(StrEnum):
    """What a stand-in can do wrong."""

    REST_SERVER_ERROR = "rest_server_error"
    REST_RATE_LIMIT = "rest_rate_limit"
    REST_EMPTY_PAGE = "rest_empty_page"
    REST_BROKEN_JSON = "rest_broken_json"
    STREAM_DROP = "stream_drop"
    STREAM_SILENCE = "stream_silence"
    STREAM_DUPLICATE_BAR = "stream_duplicate_bar"
    STREAM_LATE_BAR = "stream_late_bar"
    KRAKEN_BUSY = "kraken_busy"
    KRAKEN_LOST_FILL = "kraken_lost_fill"
    KRAKEN_ACCEPTED_520 = "kraken_accepted_520"


@dataclass(slots=True)
class Fault:
    """A fault that happens with `probability` at each occasion, `remaining` times at the most."""

    probability: float = 1.0
    remaining: int | None = None


class FaultSwitch:
    """Which faults are on; chance is seeded, so a run can be repeated."""

    def __init__(self, seed: int = 0) -> None:
        self._faults: dict[FaultName, Fault] = {}
        self._random = random.Random(seed)  # noqa: S311 - chance in a simulation
        self.happened: dict[FaultName, int] = {}

    def on(
        self, name: FaultName, *, probability: float = 1.0, remaining: int | None = None
    ) -> None:
        """Switch a fault on, for `remaining` occasions or until it is switched off."""
        self._faults[name] = Fault(probability, remaining)

    def off(self, name: FaultName) -> None:
        """Switch a fault off."""
        self._faults.pop(name, None)

    def strikes(self, name: FaultName) -> bool:
        """Tell whether the fault happens at this occasion, and count it if so."""
        fault = self._faults.get(name)
        if fault is None or fault.remaining == 0 or self._random.random() >= fault.probability:
            return False
        if fault.remaining is not None:
            fault.remaining -= 1
        self.happened[name] = self.happened.get(name, 0) + 1
        return True
