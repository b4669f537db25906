"""Accuracy over time: the evaluation cut into days, weeks or longer periods."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from signal_server.training.bootstrap import Estimate, Resampling
from signal_server.training.evaluation import Evaluation

DAY_S = 86_400
LENGTHS_DAYS = (1, 7, 28, 91, 364)
MAX_PERIODS = 30


@dataclass(frozen=True, slots=True)
class Period:
    """One stretch of time: bar closes of its first and last row, tz-aware UTC, and its accuracy.

    `majority_rate` is the share of its own commonest class.
    """

    start: datetime
    end: datetime
    rows: int
    accuracy: Estimate
    majority_rate: float


def accuracy_over_time(
    evaluation: Evaluation, correct: NDArray[np.float64], resampling: Resampling
) -> tuple[Period, ...]:
    """Return the shortest periods of which at most 30 cover the rows; empty ones are left out."""
    day = evaluation.time.as_unit("s").asi8 // DAY_S
    days = int(day[-1] - day[0]) + 1
    fitting = (length for length in LENGTHS_DAYS if days <= length * MAX_PERIODS)
    number = (day - day[0]) // next(fitting, LENGTHS_DAYS[-1])
    return tuple(
        _period(evaluation, correct, resampling, number == found) for found in np.unique(number)
    )


def _period(
    evaluation: Evaluation,
    correct: NDArray[np.float64],
    resampling: Resampling,
    inside: NDArray[np.bool_],
) -> Period:
    time = evaluation.time[inside]
    return Period(
        start=time[0].to_pydatetime(),
        end=time[-1].to_pydatetime(),
        rows=len(time),
        accuracy=resampling.share(correct, inside),
        majority_rate=float(np.bincount(evaluation.labels[inside]).max() / len(time)),
    )
