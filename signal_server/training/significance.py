"""How often labels shuffled in time would do as well."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signal_server.training.bootstrap import time_blocks
from signal_server.training.evaluation import Evaluation
from signal_server.training.metrics import log_losses

SHUFFLES = 1000
_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Significance:
    """Shares of shuffles that did at least as well, the truth counted among them: p-values."""

    shuffles: int
    blocks: int
    accuracy_p: float
    log_loss_p: float


def significance(evaluation: Evaluation) -> Significance:
    """Shuffle whole blocks of the labels' time against the forecasts.

    A block holds at least a horizon, as in the intervals, so that labels that overlap stay
    together, and all symbols of a moment do too. Where a shuffled label or a forecast is missing,
    because symbols have gaps, the pair is left out.
    """
    grid = _Grid.of(evaluation)
    count = len(evaluation.classes)
    said = np.eye(count)[evaluation.predicted]
    logs = np.log(np.maximum(evaluation.probabilities, _TINY))
    orders = _orders(grid.blocks, evaluation.seed)
    correct = (evaluation.predicted == evaluation.labels).mean()
    loss = log_losses(evaluation.probabilities, evaluation.labels).mean()
    return Significance(
        shuffles=SHUFFLES,
        blocks=grid.blocks,
        accuracy_p=_p_value(grid.shuffled_means(said, orders), float(correct)),
        log_loss_p=_p_value(grid.shuffled_means(logs, orders), -float(loss)),
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Rows laid out as (blocks, cells): a cell is one moment of a block and one symbol."""

    blocks: int
    cells: int
    block: NDArray[np.int64]
    cell: NDArray[np.int64]
    labels: NDArray[np.int8]

    @classmethod
    def of(cls, evaluation: Evaluation) -> "_Grid":
        """Cut the distinct moments into as many equal blocks as the intervals have."""
        outcomes = evaluation.outcomes
        moment = np.unique(evaluation.time.asi8, return_inverse=True)[1].astype(np.int64)
        codes = np.zeros_like(moment) if outcomes is None else outcomes.symbol_codes.astype(int)
        wanted = int(time_blocks(evaluation.time, evaluation.horizon_s).max()) + 1
        length = -(-(int(moment.max()) + 1) // wanted)
        symbols = int(codes.max()) + 1
        return cls(
            blocks=int(moment.max()) // length + 1,
            cells=length * symbols,
            block=moment // length,
            cell=moment % length * symbols + codes,
            labels=evaluation.labels,
        )

    def shuffled_means(
        self, score: NDArray[np.float64], orders: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the mean score of the labels for each order of blocks.

        `score` is (rows, classes): what a row would get if its label were that class. What each
        block of forecasts gets from each block of labels is summed first, so that an order costs
        one sum over blocks.
        """
        sums = np.zeros((self.blocks, self.blocks))
        pairs = np.zeros_like(sums)
        present = self._laid_out(np.ones(len(self.labels)))
        for index in range(score.shape[1]):
            is_label = self._laid_out((self.labels == index).astype(np.float64))
            sums += self._laid_out(score[:, index]) @ is_label.T
            pairs += present @ is_label.T
        forecasts = np.arange(self.blocks)
        total = sums[forecasts, orders].sum(axis=1)
        return np.asarray(total / np.maximum(pairs[forecasts, orders].sum(axis=1), 1))

    def _laid_out(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        grid = np.zeros((self.blocks, self.cells))
        grid[self.block, self.cell] = values
        return grid


def _orders(blocks: int, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(blocks) for _ in range(SHUFFLES)]).astype(np.int64)


def _p_value(shuffled: NDArray[np.float64], observed: float) -> float:
    """Return the share that is no smaller than `observed`, which is counted as one of them."""
    as_good = int((shuffled >= observed - 1e-12).sum())
    return (as_good + 1) / (len(shuffled) + 1)
