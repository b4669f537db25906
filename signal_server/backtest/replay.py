"""Let a registered model trade the part of the history that its training never saw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from signal_server.backtest.metrics import Metrics, measure
from signal_server.backtest.simulator import Simulation, simulate
from signal_server.backtest.timeline import SimulationRequest
from signal_server.core.config import BacktestConfig
from signal_server.core.costs import Costs
from signal_server.core.errors import NoHistoryError
from signal_server.features.catalogue import (
    NO_LEADERS,
    compute_features,
    leaders_of,
    realized_volatility,
    warmup_bars,
)
from signal_server.features.coverage import whole_rows
from signal_server.training.artifact import Manifest, Model

BLOCK_BARS = 100_000

Progress = Callable[[str, float], None]
"""Takes what is being done and the share of it that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """A model, the bars of its symbols (symbol → bar frame, all that is stored), and the rules.

    `signal_valid_s` is how long after its bar's close a signal may be acted on.
    """

    model: Model
    bars: Mapping[str, pd.DataFrame]
    config: BacktestConfig
    signal_valid_s: float


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """A simulation over a model's test part, and its figures."""

    manifest: Manifest
    config: BacktestConfig
    simulation: Simulation
    metrics: Metrics


def backtest(request: BacktestRequest, report: Progress) -> BacktestResult:
    """Trade the test part of `request.model`, from its first bar until its last label is known.

    Signals come from the test part alone; the bars before it only warm the features up.
    Raises `SchemaMismatchError` when the model does not fit this program and `NoHistoryError`
    naming a symbol whose test part is not stored.
    """
    model = request.model
    model.check_schema()
    leaders = _leaders(request.bars, model.manifest)
    bars, predictions, volatility = {}, {}, {}
    for done, symbol in enumerate(model.manifest.symbols):
        stored = request.bars.get(symbol, pd.DataFrame())
        bars[symbol] = _test_bars(symbol, stored, model.manifest)
        predictions[symbol] = predict_test_part(model, stored, leaders)
        volatility[symbol] = realized_volatility(stored)
        report("predict", (done + 1) / len(model.manifest.symbols))
    simulation = simulate(
        SimulationRequest(
            bars=bars,
            predictions=predictions,
            config=request.config,
            bar_seconds=model.manifest.bar_seconds,
            signal_valid_s=request.signal_valid_s,
            volatility=volatility,
        )
    )
    report("simulate", 1.0)
    costs = Costs(request.config.fee_bps, request.config.slippage_bps)
    capital = request.config.initial_capital
    metrics = measure(simulation, bars, initial_capital=capital, costs=costs)
    return BacktestResult(model.manifest, request.config, simulation, metrics)


def predict_test_part(
    model: Model, bars: pd.DataFrame, leaders: Mapping[str, pd.DataFrame] = NO_LEADERS
) -> pd.DataFrame:
    """Return calibrated probabilities at every bar of the test part that has enough history.

    Where too many bars of the warm-up are missing, or of its leaders', there is no row, as the
    server would refuse. `leaders` are the bar frames of the symbols that the features name.
    """
    manifest = model.manifest
    window = manifest.windows.test
    close_times = pd.DatetimeIndex(bars.index)
    first = int(close_times.searchsorted(pd.Timestamp(window.start)))
    last = int(close_times.searchsorted(pd.Timestamp(window.end), side="right"))
    warmup = warmup_bars(manifest.feature_names)
    blocks = []
    for begin in range(max(first, warmup), last, BLOCK_BARS):
        end = min(begin + BLOCK_BARS, last)
        history = bars.iloc[begin - warmup : end]
        features = compute_features(history, manifest.feature_names, leaders).iloc[warmup:]
        closes = pd.DatetimeIndex(history.index)
        whole = whole_rows(closes, manifest.feature_names, leaders, manifest.bar_seconds)[warmup:]
        if whole.any():
            blocks.append(model.predict(features.loc[whole]))
    return pd.concat(blocks) if blocks else pd.DataFrame()


def _leaders(bars: Mapping[str, pd.DataFrame], manifest: Manifest) -> dict[str, pd.DataFrame]:
    missing = [one for one in leaders_of(manifest.feature_names) if not len(bars.get(one, ()))]
    if missing:
        raise NoHistoryError(
            f"{manifest.id} compares with {', '.join(missing)}, of which no bars are stored; "
            "backfill them"
        )
    return {symbol: bars[symbol] for symbol in leaders_of(manifest.feature_names)}


def _test_bars(symbol: str, bars: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    window = manifest.windows.test
    inside = bars if bars.empty else bars.loc[window.start : window.last_known_at]
    if len(inside) < 2:
        raise NoHistoryError(
            f"{symbol} has no bars stored from {window.start:%Y-%m-%d %H:%M} to "
            f"{window.end:%Y-%m-%d %H:%M} UTC, the test part of {manifest.id}; backfill them"
        )
    return inside
