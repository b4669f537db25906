"""Bars and signals of all symbols, interval by interval, as a bot would meet them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from heapq import merge
from itertools import count, groupby

import numpy as np
import pandas as pd

from hummingbot_scripts.ml_signals.rules import Side, SignalView
from signal_server.backtest.position import TradedBar
from signal_server.core.config import BacktestConfig
from signal_server.core.domain import PRICE_COLUMNS


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What to trade.

    `bars` maps a symbol to its bar frame, `predictions` to calibrated probabilities: index close
    time (tz-aware UTC), columns DOWN, (FLAT,) UP; a bar without a row has no signal.
    `signal_valid_s` is how long after its bar's close a signal may be acted on. `volatility` maps
    a symbol to the standard deviation of its one-bar log returns by close time, where known.
    """

    bars: Mapping[str, pd.DataFrame]
    predictions: Mapping[str, pd.DataFrame]
    config: BacktestConfig
    bar_seconds: int
    signal_valid_s: float
    volatility: Mapping[str, "pd.Series[float]"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """The predicted class, its calibrated probability, and the volatility, 0 if not known."""

    direction: Side
    confidence: float
    volatility: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One symbol's bar, and the signal that its close brings."""

    bar: TradedBar
    signal: SignalView | None


def intervals(request: SimulationRequest) -> Iterator[tuple[Step, ...]]:
    """Yield the steps of each close time in time order, symbols in alphabetical order.

    Signal ids rise from 1 in the order in which the signals come.
    """
    streams = (_bars(symbol, request) for symbol in sorted(request.bars))
    together = merge(*streams, key=lambda pair: (pair[0].close_time, pair[0].symbol))
    ids = count(1)
    for _, pairs in groupby(together, key=lambda pair: pair[0].close_time):
        yield tuple(
            Step(bar, _signal(bar, prediction, next(ids), request) if prediction else None)
            for bar, prediction in pairs
        )


def _signal(
    bar: TradedBar, prediction: Prediction, number: int, request: SimulationRequest
) -> SignalView:
    return SignalView(
        id=number,
        symbol=bar.symbol,
        direction=prediction.direction,
        confidence=Decimal(str(prediction.confidence)),
        valid_until=bar.close_time + timedelta(seconds=request.signal_valid_s),
        volatility=prediction.volatility,
        bar_seconds=request.bar_seconds,
    )


def _bars(symbol: str, request: SimulationRequest) -> Iterator[tuple[TradedBar, Prediction | None]]:
    bars = request.bars[symbol]
    length = timedelta(seconds=request.bar_seconds)
    close_times = pd.DatetimeIndex(bars.index).to_pydatetime()
    prices = (bars[column].tolist() for column in PRICE_COLUMNS)
    volatility = request.volatility.get(symbol)
    predictions = _predictions(bars.index, request.predictions.get(symbol), volatility)
    rows = zip(close_times, *prices, predictions, strict=True)
    for close_time, opened, high, low, close, prediction in rows:
        yield (
            TradedBar(symbol, close_time - length, close_time, opened, high, low, close),
            prediction,
        )


def _predictions(
    index: "pd.Index[pd.Timestamp]",
    probabilities: pd.DataFrame | None,
    volatility: "pd.Series[float] | None",
) -> list[Prediction | None]:
    """Return the most probable class of every bar, or None where there is no prediction."""
    if probabilities is None or probabilities.empty:
        return [None] * len(index)
    aligned = probabilities.reindex(index)
    known = aligned.notna().all(axis=1).to_numpy()
    matrix = aligned.to_numpy(np.float64)
    best = np.where(known, np.nan_to_num(matrix).argmax(axis=1), 0)
    confidence = matrix[np.arange(len(matrix)), best].tolist()
    sides = [Side(str(column)) for column in aligned.columns]
    return [
        Prediction(sides[column], share, spread) if is_known else None
        for column, share, spread, is_known in zip(
            best, confidence, _volatility(index, volatility), known, strict=True
        )
    ]


def _volatility(
    index: "pd.Index[pd.Timestamp]", volatility: "pd.Series[float] | None"
) -> list[float]:
    if volatility is None:
        return [0.0] * len(index)
    return [float(value) for value in np.nan_to_num(volatility.reindex(index).to_numpy(np.float64))]
