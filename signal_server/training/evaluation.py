"""What is validated: forecasts, what happened, and what both are held against."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.config import LabelConfig, LabelKind
from signal_server.core.domain import Direction
from signal_server.training.calibration_choice import CalibrationChoice
from signal_server.training.dataset import Dataset
from signal_server.training.tries import THIS_ONE, Tried

_SIDES = {Direction.DOWN: -1, Direction.FLAT: 0, Direction.UP: 1}


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What followed each row, for money: one entry a row of the evaluation.

    `returns` is a share: the move of the price, or the net return of the trade that the label
    describes. `known_at` is when it was known, tz-aware UTC. `costs_bps` is what a round trip
    takes off a return, in basis points: 0 when `returns` are net already. `long_only` says that
    they are those of a bought position, so that a call of DOWN has none. `symbols` are the names
    that the codes stand for, empty where they do not matter.
    """

    returns: NDArray[np.float64]
    known_at: pd.DatetimeIndex
    symbol_codes: NDArray[np.int16]
    costs_bps: float
    long_only: bool
    symbols: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, dataset: Dataset, rows: NDArray[np.int64], label: LabelConfig, round_trip_bps: float
    ) -> "Outcomes":
        """Take those of `rows`; a triple barrier's returns are net of costs already."""
        is_trade = label.kind not in (LabelKind.DIRECTION, LabelKind.TREND)
        return cls(
            returns=dataset.returns[rows],
            known_at=dataset.known_at[rows],
            symbol_codes=dataset.symbol_codes[rows],
            costs_bps=0.0 if is_trade else round_trip_bps,
            long_only=is_trade,
            symbols=dataset.symbols,
        )


@dataclass(frozen=True, slots=True)
class Rival:
    """The forecasts of something simpler for the same rows: classes, and probabilities if any."""

    name: str
    predicted: NDArray[np.int8]
    probabilities: NDArray[np.float64] | None = None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Probabilities (rows, classes), labels as class indices, bar closes in time order.

    `tried` is how many models were tried before this one was chosen, itself included.
    """

    classes: tuple[Direction, ...]
    probabilities: NDArray[np.float64]
    labels: NDArray[np.int8]
    time: pd.DatetimeIndex
    horizon_s: int
    seed: int
    outcomes: Outcomes | None = None
    rivals: tuple[Rival, ...] = ()
    calibration: CalibrationChoice | None = None
    tried: Tried = THIS_ONE

    @property
    def predicted(self) -> NDArray[np.int8]:
        """Return each row's likeliest class."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int8)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Return the probability of each row's likeliest class."""
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    @property
    def sides(self) -> NDArray[np.int8]:
        """Return what each row calls: 1 for UP, -1 for DOWN, 0 for FLAT.

        DOWN is 0, too, where only bought positions have an outcome.
        """
        long_only = self.outcomes is not None and self.outcomes.long_only
        side = self._side_of_class
        return np.asarray(np.maximum(side, 0) if long_only else side)[self.predicted]

    @property
    def happened(self) -> NDArray[np.int8]:
        """Return what became of each row: 1 for UP, -1 for DOWN, 0 for FLAT."""
        return np.asarray(self._side_of_class[self.labels])

    @property
    def leanings(self) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
        """Return the likelier of UP (1) and DOWN (-1) of each row, and its probability.

        It is UP throughout where only bought positions have an outcome.
        """
        up = self.probabilities[:, self.classes.index(Direction.UP)]
        if self.outcomes is not None and self.outcomes.long_only:
            return np.ones(len(up), dtype=np.int8), up
        down = self.probabilities[:, self.classes.index(Direction.DOWN)]
        return np.where(up > down, 1, -1).astype(np.int8), np.maximum(up, down)

    @property
    def _side_of_class(self) -> NDArray[np.int8]:
        return np.array([_SIDES[direction] for direction in self.classes], dtype=np.int8)

    def trades(self, inside: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return which rows `inside` one position a symbol could take, one after another.

        A position is open from its row's bar close until its outcome is known.
        """
        rows = np.flatnonzero(inside)
        start = self.time.as_unit("s").asi8[rows]
        if self.outcomes is None:
            return rows[_one_after_another(start, start + self.horizon_s)]
        end = self.outcomes.known_at.as_unit("s").asi8[rows]
        codes = self.outcomes.symbol_codes[rows]
        of_symbols = [
            rows[mine][_one_after_another(start[mine], end[mine])]
            for mine in (codes == code for code in np.unique(codes))
        ]
        return np.sort(np.concatenate(of_symbols)) if of_symbols else rows


def _one_after_another(start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return positions of intervals, taken greedily by `start` (rising), that do not overlap."""
    taken, position = [], 0
    while position < len(start):
        taken.append(position)
        later = int(np.searchsorted(start, end[position], side="left"))
        position = max(position + 1, later)
    return np.asarray(taken, dtype=np.int64)
