"""Forecasts and outcomes of a made-up market whose skill is known."""

import numpy as np
import pandas as pd

from signal_server.core.domain import Direction
from signal_server.training.evaluation import Evaluation, Outcomes
from signal_server.training.tries import Tried

STEP_S = 300
HORIZON_ROWS = 6
HORIZON_S = HORIZON_ROWS * STEP_S
VOLATILITY = 3e-4


def evaluation(
    seed: int,
    *,
    days: int = 20,
    skill: float = 0.0,
    symbols: int = 2,
    costs_bps: float = 58.0,
    trials: int = 1,
) -> Evaluation:
    """Return forecasts of two symbols that move together, over labels that overlap sixfold.

    Forecasts last for 20 rows. Each is a standard normal value `f`; the next row's move has the
    mean `skill * f` in units of its deviation.
    """
    rng = np.random.default_rng(seed)
    rows = days * 86_400 // STEP_S
    market = rng.normal(size=rows + HORIZON_ROWS)
    drawn = [_symbol(rng, market, rows, skill) for _ in range(symbols)]
    up, moves = (np.column_stack(columns).ravel() for columns in zip(*drawn, strict=True))
    time = pd.date_range("2024-01-01", periods=rows, freq=f"{STEP_S}s", tz="UTC").repeat(symbols)
    return Evaluation(
        classes=(Direction.DOWN, Direction.UP),
        probabilities=np.column_stack([1 - up, up]),
        labels=(moves > 0).astype(np.int8),
        time=time,
        horizon_s=HORIZON_S,
        seed=seed,
        outcomes=Outcomes(
            returns=moves * VOLATILITY,
            known_at=time + pd.Timedelta(seconds=HORIZON_S),
            symbol_codes=np.tile(np.arange(symbols, dtype=np.int16), rows),
            costs_bps=costs_bps,
            long_only=False,
        ),
        tried=Tried(runs=trials),
    )


def _symbol(rng, market, rows, skill):
    forecast = np.repeat(rng.normal(size=rows // 20 + 1), 20)[:rows]
    moves = 0.7 * market + 0.7 * rng.normal(size=rows + HORIZON_ROWS)
    moves[1 : rows + 1] += skill * forecast
    ahead = np.convolve(moves, np.ones(HORIZON_ROWS), mode="valid")[1 : rows + 1]
    return 1 / (1 + np.exp(-(0.15 + 3 * skill) * forecast)), ahead
