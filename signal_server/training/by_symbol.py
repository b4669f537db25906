"""The same results symbol by symbol: a mean over coins can hide one that loses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.training.bootstrap import Estimate, Resampling
from signal_server.training.evaluation import Evaluation, Outcomes
from signal_server.training.metrics import log_losses


@dataclass(frozen=True, slots=True)
class SymbolResult:
    """One symbol's rows: accuracy, log-loss in nats, and its gain on the symbol's own base rate.

    `majority_rate` is the share of its own commonest class; both are known with hindsight.
    """

    symbol: str
    rows: int
    accuracy: Estimate
    majority_rate: float
    log_loss: float
    log_loss_gain: Estimate


def results_by_symbol(evaluation: Evaluation, resampling: Resampling) -> tuple[SymbolResult, ...]:
    """Return the symbols that have rows, in their order; empty where symbols are not known."""
    outcomes = evaluation.outcomes
    if outcomes is None:
        return ()
    codes = np.unique(outcomes.symbol_codes)
    return tuple(
        _result(evaluation, resampling, outcomes, int(code))
        for code in codes
        if code < len(outcomes.symbols)
    )


def _result(
    evaluation: Evaluation, resampling: Resampling, outcomes: Outcomes, code: int
) -> SymbolResult:
    inside = outcomes.symbol_codes == code
    labels = evaluation.labels.astype(np.int64)
    shares = np.bincount(labels[inside], minlength=len(evaluation.classes)) / inside.sum()
    loss = log_losses(evaluation.probabilities, evaluation.labels)
    return SymbolResult(
        symbol=outcomes.symbols[code],
        rows=int(inside.sum()),
        accuracy=resampling.share(_right(evaluation), inside),
        majority_rate=float(shares.max()),
        log_loss=float(loss[inside].mean()),
        log_loss_gain=resampling.mean(-np.log(np.maximum(shares, 1e-15))[labels] - loss, inside),
    )


def _right(evaluation: Evaluation) -> NDArray[np.float64]:
    return np.asarray(evaluation.predicted == evaluation.labels, dtype=np.float64)
