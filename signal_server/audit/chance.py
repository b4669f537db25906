"""Whether there is skill where there can be none, and is where there must be.

Skill is the area under the ROC curve of UP against DOWN over the test part, by the booster's own
logits: 0.5 for chance whatever the classes' shares, and 0.5 for a booster without a split. Without
skill its standard deviation is that of Mann and Whitney (1947), for as many rows as there are
independent outcomes. A finding lies five of them off: by chance in one audit of three million.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.audit.markets import Market
from signal_server.audit.pace import greedy, quick
from signal_server.audit.subject import Subject
from signal_server.core.domain import Direction
from signal_server.core.errors import NoHistoryError
from signal_server.training.bootstrap import independent_rows
from signal_server.training.dataset import Dataset
from signal_server.training.metrics import auc_terms

DEVIATIONS = 5.0
CHANCE = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Skill:
    """The area over `outcomes` independent outcomes, and its standard deviation without skill."""

    area: float
    deviation: float
    outcomes: int

    @property
    def margin(self) -> float:
        """Return how far the area may be off by chance."""
        return DEVIATIONS * self.deviation

    def __str__(self) -> str:
        return f"{self.area:.3f} over {self.outcomes:,} independent outcomes"


def target_permutation(subject: Subject, market: Market) -> tuple[str, ...]:
    """Shuffle the labels of the market's rows, learn them by heart, and ask for the test part's.

    Shuffled row by row they have nothing to do with the features, and each row is an outcome of
    its own; only a fit that has seen the test part's labels can know them. Each tree is deep enough
    to remember the rows it is shown.
    """
    subject = greedy(subject)
    dataset = subject.dataset(market.bars)
    order = np.random.default_rng(subject.spec.training.seed).permutation(len(dataset))
    shuffled = replace(dataset, labels=dataset.labels[order], returns=dataset.returns[order])
    split = subject.parts(shuffled)
    rows = _moved(shuffled, split.test.rows)
    skill = _skill(_lean(subject, shuffled, rows), shuffled, rows, len(rows))
    return _too_much(skill, CHANCE, "with shuffled labels, when chance is 0.5")


def no_edge(subject: Subject, market: Market) -> tuple[str, ...]:
    """Train on a random walk from its bars on, and ask for skill on its test part.

    There is none to be had: whoever finds some has looked ahead, in features, labels, parts or fit.
    """
    subject = quick(subject)
    dataset = subject.dataset(market.bars)
    rows = _moved(dataset, subject.parts(dataset).test.rows)
    outcomes = _independent(dataset, rows, subject.label_config.horizon_s)
    skill = _skill(_lean(subject, dataset, rows), dataset, rows, outcomes)
    return _too_much(skill, CHANCE, "on a random walk, when chance is 0.5")


def known_edge(subject: Subject, market: Market) -> tuple[str, ...]:
    """Train on a market with a drift that can be seen, and ask for skill on its test part.

    It must be above chance, or the other checks prove nothing; and not above what the drift itself
    would give, which nobody in the market can know better.
    """
    subject = quick(subject)
    dataset = subject.dataset(market.bars)
    rows = _moved(dataset, subject.parts(dataset).test.rows)
    outcomes = _independent(dataset, rows, subject.label_config.horizon_s)
    skill = _skill(_lean(subject, dataset, rows), dataset, rows, outcomes)
    best = _skill(_drift(market, dataset, rows), dataset, rows, outcomes)
    if skill.area < CHANCE + skill.margin:
        return (f"the area is {skill}: the edge that was planted is not found",)
    return _too_much(skill, best.area, f"where an oracle has {best.area:.3f}")


def _too_much(skill: Skill, expected: float, where: str) -> tuple[str, ...]:
    if skill.area <= expected + skill.margin:
        return ()
    return (f"the area is {skill} {where}, give or take {skill.margin:.3f}",)


def _skill(score: Floats, dataset: Dataset, rows: NDArray[np.int64], outcomes: int) -> Skill:
    went_up = dataset.labels[rows] == dataset.classes.index(Direction.UP)
    terms = auc_terms(score, went_up)
    if terms is None:
        raise NoHistoryError(
            "the test part of the audited bars went one way alone; name a longer period"
        )
    share = float(went_up.mean())
    variance = (outcomes + 1) / (12 * outcomes**2 * share * (1 - share))
    return Skill(float(terms.mean()), float(np.sqrt(variance)), outcomes)


def _lean(subject: Subject, dataset: Dataset, rows: NDArray[np.int64]) -> Floats:
    """Return by how much the fit thinks UP likelier than DOWN, as log odds."""
    learned = subject.learn(dataset, subject.parts(dataset), subject.spec)
    odds = learned.logits(dataset.features[rows])
    down, up = (dataset.classes.index(side) for side in (Direction.DOWN, Direction.UP))
    return np.asarray(odds[:, up] - odds[:, down], dtype=np.float64)


def _moved(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    sides = [dataset.classes.index(side) for side in (Direction.DOWN, Direction.UP)]
    return rows[np.isin(dataset.labels[rows], sides)]


def _independent(dataset: Dataset, rows: NDArray[np.int64], horizon_s: int) -> int:
    """Return how many independent outcomes rows of symbols hold that do not move together."""
    codes = dataset.symbol_codes[rows]
    return sum(
        independent_rows(pd.DatetimeIndex(dataset.time[rows[codes == code]]), horizon_s)
        for code in np.unique(codes)
    )


def _drift(market: Market, dataset: Dataset, rows: NDArray[np.int64]) -> Floats:
    drift = np.empty(len(rows))
    for code, symbol in enumerate(dataset.symbols):
        mine = np.flatnonzero(dataset.symbol_codes[rows] == code)
        at = market.bars[symbol].index.searchsorted(dataset.time[rows[mine]])
        drift[mine] = market.drift[symbol][at]
    return drift
