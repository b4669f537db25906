"""The best of many worthless ways to trade is called lucky as often as it is."""

import numpy as np
import pytest

from bench.money import cell_of, luck
from signal_server.training.bootstrap import Resampling

BLOCKS = 60
ROWS_OF_BLOCK = 100
WAY = (2, "when the time is over", "taker")


def _cells(seed: int, mean_bps: float = 0.0) -> list:
    """Return ways to trade of which rare calls come together and move alike, with fat tails."""
    rng = np.random.default_rng(seed)
    rows = BLOCKS * ROWS_OF_BLOCK
    number = np.repeat(np.arange(BLOCKS), ROWS_OF_BLOCK)
    resampling = Resampling.of(number, seed=7)
    cells = []
    for _ in range(3):
        sure = rng.normal(size=BLOCKS)[number] + np.repeat(rng.normal(size=rows // 5), 5)
        market = (
            rng.standard_t(4, size=rows // 5).repeat(5) + 0.5 * rng.standard_t(4, BLOCKS)[number]
        )
        for _ in range(3):
            net_bps = 50 * (market + 0.3 * rng.normal(size=rows // 5).repeat(5)) + mean_bps
            cells += [
                cell_of((*WAY, share), resampling, net_bps, sure >= np.quantile(sure, 1 - share))
                for share in (0.1, 0.01, 0.003)
            ]
    return cells


def test_worthless_ways_pass_for_good_no_more_often_than_chance_allows():
    found = np.array([luck(_cells(seed)) for seed in range(100)])
    assert (found < 0.05).mean() < 0.1
    assert 0.4 < found.mean() < 0.65


def test_ways_that_earn_are_not_called_lucky_and_ways_that_lose_are():
    assert luck(_cells(1, mean_bps=100.0)) < 0.01
    assert luck(_cells(1, mean_bps=-100.0)) > 0.95


def test_rows_of_one_block_have_no_error_to_be_measured_by():
    resampling = Resampling.of(np.arange(60), seed=7)
    single = cell_of((*WAY, 0.1), resampling, np.full(60, 99.0), np.arange(60) == 3)
    rest = [
        cell_of(
            (*WAY, 0.1), resampling, np.random.default_rng(1).normal(size=60), np.arange(60) > 3
        )
    ]
    assert luck([single, *rest]) == luck(rest)
    assert luck([single]) == pytest.approx(np.nan, nan_ok=True)
