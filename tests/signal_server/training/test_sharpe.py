"""A Sharpe ratio's chances hold their promise, also for the best of many trials."""

import numpy as np
import pytest
from scipy import stats

from signal_server.training.sharpe import expected_best, sharpe_of

DAY_S = 86_400


def test_the_worked_example_of_the_paper():
    """Bailey and López de Prado, 2014: 5 years of daily returns, the best of 100 trials.

    Annual ratio 2.5, skew -3, kurtosis 10, variance of the trials' annual ratios 1/2.
    """
    count, ratio, deviation = 1250, 2.5 / np.sqrt(250), np.sqrt(1 / 2 / 250)
    assert expected_best(100) * deviation == pytest.approx(0.1132, abs=1e-4)
    variance = (1 + 3 * ratio + 9 / 4 * ratio**2) / (count - 1)
    deflated = stats.norm.cdf((ratio - expected_best(100) * deviation) / np.sqrt(variance))
    assert deflated == pytest.approx(0.9004, abs=1e-3)


def test_the_expected_best_of_many_trials_is_what_simulation_shows():
    drawn = np.random.default_rng(0).normal(size=(20_000, 50)).max(axis=1).mean()
    assert expected_best(50) == pytest.approx(drawn, abs=0.03)
    assert expected_best(1) == 0.0


def test_the_probabilistic_ratio_is_uniform_without_skill():
    rng = np.random.default_rng(1)
    found = [sharpe_of(rng.standard_t(5, 250), DAY_S, 1).probabilistic for _ in range(300)]
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_the_best_of_many_trials_looks_good_until_it_is_deflated():
    rng = np.random.default_rng(2)
    best = [
        max((sharpe_of(rng.normal(size=250), DAY_S, 40) for _ in range(40)), key=lambda s: s.ratio)
        for _ in range(60)
    ]
    assert np.mean([found.probabilistic > 0.95 for found in best]) > 0.7
    assert np.mean([found.deflated > 0.95 for found in best]) < 0.1


def test_true_skill_survives_deflation():
    found = sharpe_of(np.random.default_rng(3).normal(0.3, 1, 500), DAY_S, 40)
    assert found.deflated > 0.95
    assert found.probabilistic >= found.deflated


def test_fat_left_tails_make_a_ratio_less_sure():
    rng = np.random.default_rng(4)
    shocks = rng.normal(0.1, 1, 500)
    crashes = np.where(rng.random(500) < 0.02, -8.0, 0.0)
    skewed = shocks + crashes
    skewed = (skewed - skewed.mean()) / skewed.std() * shocks.std() + shocks.mean()
    assert sharpe_of(skewed, DAY_S, 1).probabilistic < sharpe_of(shocks, DAY_S, 1).probabilistic


def test_too_few_or_equal_returns_have_no_ratio():
    assert sharpe_of(np.random.default_rng(5).normal(size=29), DAY_S, 1) is None
    assert sharpe_of(np.zeros(100), DAY_S, 1) is None
