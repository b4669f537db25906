"""The bars that checks are run on: a stretch of stored ones, and made ones whose truth is known."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.audit.subject import Frames, Subject
from signal_server.core.domain import BAR_COLUMNS, PRICE_COLUMNS
from signal_server.core.errors import NoHistoryError

STRETCH_BARS = 50_000
"""35 days of minutes: enough for a week of warm-up, and read, computed and fitted in seconds."""

MIN_BARS = 2_000
MADE_BARS = 50_000
MADE_SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD")
HARSH_BARS = 3_000
"""Bars of the harsh market after the warm-up."""

MAX_HORIZON_BARS = 15
"""Horizon of made markets, so that they hold thousands of independent outcomes."""

USUAL_MOVE = 1e-3
DRIFT_SHARE = 0.2
DRIFT_BARS = 60
TINY = 1e-9
QUIET_SHARE = 0.1
MISSING_SHARE = 0.02
START = pd.Timestamp("2024-01-01", tz="UTC")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """Bars by symbol. `drift` is what a planted edge consists of: the next bar's expected return.

    It is float64, one value a bar, and there is none where no edge was planted.
    """

    name: str
    bars: Frames
    drift: Mapping[str, Floats] = field(default_factory=dict)


def stretch_of(frames: Frames, subject: Subject) -> Market:
    """Return the oldest stretch of the clock that all symbols share.

    The oldest, so that what a model is tested on later stays unseen. Raises `NoHistoryError` naming
    a symbol with fewer than 2,000 bars in it beside the features' warm-up.
    """
    bar_seconds, min_bars = subject.bar_seconds, subject.warmup(subject.names) + MIN_BARS
    start = max(frame.index[0] for frame in frames.values() if len(frame))
    end = start + pd.Timedelta(seconds=bar_seconds * (STRETCH_BARS - 1))
    bars = {symbol: frame.loc[start:end] for symbol, frame in frames.items()}
    short = [symbol for symbol, frame in bars.items() if len(frame) < min_bars]
    if short:
        raise NoHistoryError(
            f"{', '.join(short)}: fewer than {min_bars:,} bars from {start:%Y-%m-%d %H:%M} on, "
            "when all symbols have begun; backfill more, or name another period or other symbols"
        )
    last = max(frame.index[-1] for frame in bars.values())
    return Market(f"{', '.join(bars)} from {start:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}", bars)


def random_walk(subject: Subject) -> Market:
    """Return bars in which nothing can be known of the next."""
    bars, _ = _made(subject, MADE_BARS, drift_share=0.0)
    return Market("a random walk", bars)


def planted_edge(subject: Subject) -> Market:
    """Return bars with a drift that lasts about an hour of minutes, so that it can be seen."""
    bars, drift = _made(subject, MADE_BARS, drift_share=DRIFT_SHARE)
    return Market("a planted edge", bars, drift)


def harsh(subject: Subject) -> Market:
    """Return a random walk with all that makes features go wrong.

    Bars are missing singly and in a row, the market stands still without volume, prices and
    volumes storm, a price is tiny, one symbol starts late, some values are NaN.
    """
    bars, _ = _made(subject, subject.warmup(subject.names) + HARSH_BARS, drift_share=0.0)
    return Market(
        "a harsh market",
        {symbol: _spoil(frame, number) for number, (symbol, frame) in enumerate(bars.items())},
    )


def _made(
    subject: Subject, count: int, *, drift_share: float
) -> tuple[dict[str, pd.DataFrame], dict[str, Floats]]:
    move, bars, drifts = usual_move(subject), {}, {}
    for number, symbol in enumerate(_symbols(subject.leaders)):
        rng = np.random.default_rng([number, count])
        drift = drift_share * move * _slow_noise(rng, count)
        returns = rng.normal(0.0, move, count)
        returns[1:] += drift[:-1]
        bars[symbol] = _bars(returns, rng, subject.bar_seconds)
        drifts[symbol] = drift
    return bars, drifts


def usual_move(subject: Subject) -> float:
    """Return the standard deviation of a made bar's return.

    It is such that the label's threshold or nearer barrier is a usual move over the horizon.
    """
    label = subject.label_config
    barriers = label.barriers
    nearer = min(barriers.stop_loss, barriers.take_profit) if barriers else 0.0
    horizon_bars = min(label.horizon_s // subject.bar_seconds, MAX_HORIZON_BARS)
    return max(USUAL_MOVE, 1.5 * max(nearer, label.threshold_bps / 1e4) / math.sqrt(horizon_bars))


def _symbols(leaders: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*leaders, *MADE_SYMBOLS)))


def _slow_noise(rng: np.random.Generator, count: int) -> Floats:
    """Return noise of deviation 1 that remembers about `DRIFT_BARS` bars."""
    keep = math.exp(-1 / DRIFT_BARS)
    noise = np.empty(count)
    value = 0.0
    for bar, shock in enumerate(rng.normal(0.0, math.sqrt(1 - keep**2), count)):
        value = noise[bar] = keep * value + shock
    return noise


def _bars(returns: Floats, rng: np.random.Generator, bar_seconds: int) -> pd.DataFrame:
    count, start_price = len(returns), float(rng.lognormal(3.0, 2.0))
    close = start_price * np.exp(np.cumsum(returns))
    gap = np.exp(rng.normal(0.0, returns.std() / 5, count))
    opened = np.concatenate([[start_price], close[:-1]]) * gap
    wick = np.abs(rng.normal(0.0, returns.std() / 2, (2, count)))
    index = pd.date_range(
        START, periods=count, freq=f"{bar_seconds}s", unit="ns", name="close_time"
    )
    columns = {
        "open": opened,
        "high": np.maximum(opened, close) * np.exp(wick[0]),
        "low": np.minimum(opened, close) * np.exp(-wick[1]),
        "close": close,
        "volume": rng.lognormal(0.0, 1.0, count),
        "vwap": (opened + close) / 2,
        "transactions": rng.poisson(30.0, count).astype(np.float64),
    }
    return pd.DataFrame(columns, index=index, columns=list(BAR_COLUMNS), dtype="float64")


def _spoil(frame: pd.DataFrame, number: int) -> pd.DataFrame:
    """Spoil the bars after the warm-up; the second symbol's price is tiny, the last starts late."""
    rng, count = np.random.default_rng(number), len(frame)
    columns = {name: frame[name].to_numpy(np.float64).copy() for name in BAR_COLUMNS}
    still = slice(count - 900, count - 750)
    quiet = rng.random(count) < QUIET_SHARE
    quiet[still] = True
    columns["volume"][count - HARSH_BARS :: 700] *= 1e6
    columns["high"][count - HARSH_BARS + 90 :: 700] *= 10
    for name in PRICE_COLUMNS:
        columns[name][still] = columns["close"][still.start - 1]
        columns[name] *= TINY if number == 1 else 1.0
    for name in ("volume", "transactions"):
        columns[name][quiet] = 0.0
    columns["vwap"][rng.random(count) < QUIET_SHARE] = np.nan
    missing = rng.random(count) < MISSING_SHARE
    hole = count - 1_500 + 61 * number
    missing[hole : hole + 75] = True
    missing[: count - 300] |= number == len(MADE_SYMBOLS) - 1
    return pd.DataFrame(columns, index=frame.index).loc[~missing]
