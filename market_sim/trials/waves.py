"""Prices that go up and down by seed, each coin in its own time."""

import math
from collections.abc import Sequence
from datetime import datetime
from random import Random

from market_sim.trials.prices import ScriptedPrices

_PERIODS_S = (80.0, 400.0)
_HEIGHTS = (0.01, 0.04)


class WavingPrices(ScriptedPrices):
    """Every coin swings around its first price, by up to four percent."""

    def __init__(self, symbols: Sequence[str], seed: int) -> None:
        super().__init__(symbols)
        random = Random(f"waves {seed}")  # noqa: S311 - chance in a simulation
        self._waves = {
            symbol: (
                random.uniform(*_PERIODS_S),
                random.uniform(0, 2 * math.pi),
                random.uniform(*_HEIGHTS),
            )
            for symbol in symbols
        }
        self._at_s = 0.0

    def price_at(self, symbol: str, when: datetime) -> float:
        """Return the price at an instant (UTC)."""
        self._at_s = when.timestamp()
        return self.now(symbol)

    def now(self, symbol: str) -> float:
        """Return the price that was asked for last."""
        period_s, phase, height = self._waves[symbol]
        swing = math.sin(2 * math.pi * self._at_s / period_s + phase)
        return super().now(symbol) * (1 + height * swing)
