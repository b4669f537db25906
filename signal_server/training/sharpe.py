"""How sure one can be of a Sharpe ratio, given its length, its tails and how many were tried."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

MIN_PERIODS = 30
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Sharpe:
    """A Sharpe ratio per period (not annualised), and the chances that the true one is higher.

    `probabilistic` is the chance that it is above 0, `deflated` that it is above `benchmark`, the
    best that `trials` attempts without any skill are expected to show.
    """

    ratio: float
    period_s: int
    periods: int
    skew: float
    kurtosis: float
    probabilistic: float
    trials: int
    benchmark: float
    deflated: float


def sharpe_of(returns: NDArray[np.float64], period_s: int, trials: int) -> Sharpe | None:
    """Measure independent `returns`, one a period, periods without a trade included as 0.

    Returns None for under 30 periods, or when no two of them differ. `kurtosis` is 3 for normal
    returns. Source: Bailey and López de Prado, 2012 (probabilistic) and 2014 (deflated).
    """
    if len(returns) < MIN_PERIODS or not np.ptp(returns) > 0:
        return None
    ratio = float(returns.mean() / returns.std(ddof=1))
    skew = float(stats.skew(returns))
    kurtosis = float(stats.kurtosis(returns, fisher=False))
    variance = (1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2) / (len(returns) - 1)
    benchmark = expected_best(trials) / float(np.sqrt(len(returns) - 1))
    spread = max(float(variance), _TINY) ** 0.5
    return Sharpe(
        ratio=ratio,
        period_s=period_s,
        periods=len(returns),
        skew=skew,
        kurtosis=kurtosis,
        probabilistic=float(stats.norm.cdf(ratio / spread)),
        trials=trials,
        benchmark=benchmark,
        deflated=float(stats.norm.cdf((ratio - benchmark) / spread)),
    )


def expected_best(trials: int) -> float:
    """Return the expected maximum of `trials` independent standard normal values."""
    if trials < 2:
        return 0.0
    first, second = stats.norm.ppf([1 - 1 / trials, 1 - 1 / (trials * np.e)])
    return float((1 - np.euler_gamma) * first + np.euler_gamma * second)
