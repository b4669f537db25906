"""Which calibration: the simplest that a later piece of the calibration part cannot fault."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.training.bootstrap import (
    Estimate,
    Resampling,
    independent_rows,
    time_blocks,
)
from signal_server.training.calibration import (
    Calibration,
    Fitter,
    fit_beta,
    fit_isotonic,
    fit_none,
    fit_platt,
    fit_temperature,
)

FITTERS: Mapping[str, Fitter] = MappingProxyType(
    {
        "none": fit_none,
        "temperature": fit_temperature,
        "platt": fit_platt,
        "beta": fit_beta,
        "isotonic": fit_isotonic,
    }
)
"""From the simplest to the freest."""

MIN_INDEPENDENT_ROWS = 50
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class CalibrationRows:
    """Rows of the calibration part in time order: logits (rows, classes), labels, bar closes."""

    logits: NDArray[np.float64]
    labels: NDArray[np.int8]
    time: pd.DatetimeIndex
    horizon_s: int

    @property
    def independent(self) -> int:
        """Return about how many independent outcomes the rows hold."""
        return independent_rows(self.time, self.horizon_s) if len(self.labels) else 0

    def with_images(self) -> "CalibrationRows":
        """Return each row and after it its mirror image: logits and label turned UP for DOWN."""
        turned = self.logits[:, ::-1]
        last = self.logits.shape[1] - 1
        return CalibrationRows(
            np.stack([self.logits, turned], axis=1).reshape(-1, last + 1),
            np.column_stack([self.labels, last - self.labels]).ravel().astype(self.labels.dtype),
            self.time.repeat(2),
            self.horizon_s,
        )

    def at(self, inside: NDArray[np.bool_]) -> "CalibrationRows":
        """Return the rows `inside`."""
        return CalibrationRows(
            self.logits[inside], self.labels[inside], self.time[inside], self.horizon_s
        )


@dataclass(frozen=True, slots=True)
class Candidate:
    """One kind on the later piece: its log-loss, and its gain over the simpler kind kept so far.

    `gain` is in nats, None for the simplest. Of those that were `kept` the last one is used.
    """

    kind: str
    log_loss: float
    gain: Estimate | None
    kept: bool


@dataclass(frozen=True, slots=True)
class CalibrationChoice:
    """The calibration, fitted on the whole part, and the candidates it was chosen among.

    There are no candidates when the part was too small to choose on.
    """

    calibration: Calibration
    candidates: tuple[Candidate, ...]


def choose_calibration(rows: CalibrationRows, seed: int) -> CalibrationChoice:
    """Fit every kind on the earlier half, keep the best on the later, refit it on all rows.

    From the simplest up, a kind takes the place of the one kept so far only when the 95% interval
    of its log-loss gain lies above 0. Labels of the earlier half are known before the later
    begins. Where a half holds under 50 independent rows it is the temperature: one number, which
    its prior holds near "leave it".
    """
    earlier, later = _halves(rows)
    if min(earlier.independent, later.independent) < MIN_INDEPENDENT_ROWS:
        return CalibrationChoice(_fit("temperature", rows), ())
    resampling = Resampling.of(time_blocks(later.time, later.horizon_s), seed)
    kept, candidates = "", []
    kept_losses: NDArray[np.float64] = np.empty(0)
    for kind in FITTERS:
        losses = _losses(_fit(kind, earlier), later)
        gain = resampling.mean(kept_losses - losses) if kept else None
        better = gain is None or gain.interval.low > 0
        candidates.append(Candidate(kind, float(losses.mean()), gain, better))
        if better:
            kept, kept_losses = kind, losses
    return CalibrationChoice(_fit(kept, rows), tuple(candidates))


def _fit(kind: str, rows: CalibrationRows) -> Calibration:
    return FITTERS[kind](rows.logits, rows.labels, rows.independent)


def _halves(rows: CalibrationRows) -> tuple[CalibrationRows, CalibrationRows]:
    middle = rows.time[len(rows.time) // 2]
    known_before = np.asarray(rows.time < middle - pd.Timedelta(seconds=rows.horizon_s))
    return rows.at(known_before), rows.at(np.asarray(rows.time >= middle))


def _losses(calibration: Calibration, rows: CalibrationRows) -> NDArray[np.float64]:
    chances = calibration.apply(rows.logits)
    chosen = chances[np.arange(len(rows.labels)), rows.labels.astype(np.int64)]
    return np.asarray(-np.log(np.maximum(chosen, _TINY)), dtype=np.float64)
