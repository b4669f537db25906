"""Whether the market, the model's calls or what comes of them have left what it was trained on."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from signal_server.core.clock import Clock
from signal_server.core.config import DriftConfig
from signal_server.core.errors import SignalServerError
from signal_server.journal.evidence import (
    Calls,
    Outcomes,
    Version,
    live_calls,
    live_outcomes,
)
from signal_server.journal.journal import Journal
from signal_server.serving.model_health import Drift
from signal_server.training.metrics import calibration_error
from signal_server.training.reference import Reference, stability_index

logger = logging.getLogger(__name__)

EVERY_S = 60.0
MAX_SHIFTED = 0.25
"""Share of the features that may have left their distribution before it is worth a warning."""
SURE_Z = 3.0
EVEN = 0.5
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Stability:
    """Population stability indices of `rows` live rows against training; empty without enough."""

    rows: int
    features: dict[str, float]
    confidence: float | None

    def shifted(self, limit: float) -> list[str]:
        """Return the features above `limit`, the farthest first."""
        names = sorted(self.features, key=lambda name: -self.features[name])
        return [name for name in names if self.features[name] > limit]


@dataclass(frozen=True, slots=True)
class Performance:
    """What came of `outcomes` calls; figures are NaN without any.

    `brier` is the mean square of confidence minus being right (0 or 1). `overconfidence` is the
    mean confidence minus the accuracy, and `z` that over its standard error if every call came
    true as often as its confidence says.
    """

    outcomes: int
    accuracy: float
    calibration_error: float
    brier: float
    overconfidence: float
    z: float


@dataclass(frozen=True, slots=True)
class DriftReport:
    """How a version does live at `at` (tz-aware UTC), and what is to be said of it."""

    model: Version
    at: datetime
    stability: Stability
    performance: Performance
    warnings: tuple[str, ...]
    halts: tuple[str, ...]

    @property
    def drift(self) -> Drift:
        """Return what bots and people are told."""
        return Drift(bool(self.halts), "; ".join(self.halts + self.warnings))


@dataclass(frozen=True, slots=True)
class Watched:
    """A version, what its inputs were in training, and how long its bars are.

    `reference` None means that it is not known. `own` are the versions that stand behind one that
    gives each symbol its own model. `chance` is what saying always the same class gets: the limits
    of accuracy are those of 0.5, and count from it.
    """

    model: Version
    reference: Reference | None
    bar_seconds: int
    own: tuple[Version, ...] = ()
    chance: float = EVEN


class DriftMonitor:
    """Looks at the serving model again and again; `say` is what it found last."""

    def __init__(
        self,
        trade_log: Path,
        watched: Callable[[], Watched],
        config: DriftConfig,
        clock: Clock,
    ) -> None:
        """Watch whatever `watched` says is serving; it is called off the event loop."""
        self._trade_log = trade_log
        self._watched = watched
        self._config = config
        self._clock = clock
        self._said: tuple[Version, Drift] | None = None

    def say(self, model: Version) -> Drift:
        """Return what was found of `model`; nothing before it was looked at."""
        return self._said[1] if self._said and self._said[0] == model else Drift()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY_S)

    def look(self) -> None:
        """Look once; what cannot be read is logged, and what was found before stays."""
        try:
            with Journal.open_existing(self._trade_log) as journal:
                report = drift_report(journal, self._watched(), self._config, self._clock())
        except SignalServerError as error:
            logger.error("drift cannot be told: %s", error)
            return
        before, found = self.say(report.model), report.drift
        if found.reason and (found.halt, bool(before.reason)) != (before.halt, True):
            level = logging.ERROR if found.halt else logging.WARNING
            logger.log(level, "model %s %s drifts: %s", *report.model, found.reason)
        self._said = report.model, found


def drift_report(
    journal: Journal, watched: Watched, config: DriftConfig, now: datetime
) -> DriftReport:
    """Read how a version does from the trade log."""
    since = now - timedelta(seconds=config.window_s)
    calls = live_calls(journal, watched.model, since, config.max_rows)
    models = watched.own or (watched.model,)
    found = live_outcomes(journal, models, config.max_outcomes, watched.bar_seconds)
    stability = stability_of(calls, watched.reference, config.min_rows)
    performance = performance_of(found)
    limits = _moved(config, watched.chance)
    return DriftReport(
        model=watched.model,
        at=now,
        stability=stability,
        performance=performance,
        warnings=(*_shifts(stability, config), *_doubts(performance, limits)),
        halts=tuple(_failures(performance, limits)),
    )


def _moved(config: DriftConfig, chance: float) -> DriftConfig:
    """Return the settings with limits of accuracy that lie as far from `chance` as from 0.5."""
    further = chance - EVEN
    limits = {
        "warn_accuracy": config.warn_accuracy + further,
        "halt_accuracy": config.halt_accuracy + further,
    }
    return config.model_copy(update=limits)


def stability_of(calls: Calls, reference: Reference | None, min_rows: int) -> Stability:
    """Return how far live rows are from the reference; nothing is said of fewer than `min_rows`.

    Features that are in one of the two alone are left out.
    """
    rows = len(calls.confidence)
    if reference is None or rows < min_rows:
        return Stability(rows, {}, None)
    live: pd.DataFrame = calls.features
    known = reference.features.items()
    return Stability(
        rows=rows,
        features={
            name: stability_index(before, before.shares_of(live[name].to_numpy(np.float64)))
            for name, before in known
            if name in live and len(live) >= min_rows
        },
        confidence=stability_index(
            reference.confidence, reference.confidence.shares_of(calls.confidence)
        ),
    )


def performance_of(found: Outcomes) -> Performance:
    """Return how right and how well calibrated calls were."""
    confidence, correct = found.confidence, found.correct
    count = len(correct)
    if not count:
        return Performance(0, math.nan, math.nan, math.nan, math.nan, math.nan)
    accuracy = float(correct.mean())
    overconfidence = float(confidence.mean()) - accuracy
    # A single certain call has no spread, yet one miss refutes it.
    spread = max(float((confidence * (1 - confidence)).sum()), 1e-9) ** 0.5
    return Performance(
        outcomes=count,
        accuracy=accuracy,
        calibration_error=calibration_error(confidence, correct),
        brier=float(((confidence - correct) ** 2).mean()),
        overconfidence=overconfidence,
        z=overconfidence * count / spread,
    )


def _failures(found: Performance, config: DriftConfig) -> Iterator[str]:
    if found.outcomes >= config.min_outcomes and found.accuracy < config.halt_accuracy:
        yield f"{_right(found)}, which is under {config.halt_accuracy:.0%}"


def _doubts(found: Performance, config: DriftConfig) -> Iterator[str]:
    if found.outcomes < config.min_outcomes:
        return
    if config.halt_accuracy <= found.accuracy < config.warn_accuracy:
        yield f"{_right(found)}, which is under {config.warn_accuracy:.0%}"
    if abs(found.z) > SURE_Z:
        said = found.accuracy + found.overconfidence
        yield f"confidence said {said:.1%}, right were {found.accuracy:.1%}"


def _shifts(found: Stability, config: DriftConfig) -> Iterator[str]:
    if found.confidence is not None and found.confidence > config.warn_psi:
        yield f"confidence has shifted (PSI {found.confidence:.2f})"
    shifted = found.shifted(config.warn_psi)
    if len(shifted) > MAX_SHIFTED * len(found.features):
        farthest = ", ".join(f"{name} {found.features[name]:.2f}" for name in shifted[:_NAMED])
        yield f"{len(shifted)} of {len(found.features)} features have shifted (PSI {farthest})"


def _right(found: Performance) -> str:
    return f"right in {found.accuracy:.1%} of {found.outcomes} calls"
