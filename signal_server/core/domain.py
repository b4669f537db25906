"""Records that the parts exchange.

A bar frame is a `pandas.DataFrame` of one symbol's final bars: index `close_time`
(`DatetimeIndex`, tz-aware UTC, strictly increasing, the bar's CLOSE), float64 columns
`open high low close` (quote currency), `volume` (base units), `vwap` (quote, NaN if the
source has none) and `transactions` (number of trades, NaN if the source has none).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

PRICE_COLUMNS = ("open", "high", "low", "close")
BAR_COLUMNS = (*PRICE_COLUMNS, "volume", "vwap", "transactions")


class Direction(StrEnum):
    """What a model says of the price over its horizon."""

    DOWN = "DOWN"
    FLAT = "FLAT"
    UP = "UP"


@dataclass(frozen=True, slots=True)
class Bar:
    """One final bar of one symbol; known at `close_time`, never before."""

    symbol: str
    close_time: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float = float("nan")
    transactions: float = float("nan")


@dataclass(frozen=True, slots=True)
class Signal:
    """One calibrated prediction and all that is needed to decide whether to trust it.

    `probabilities` sums to 1. `confidence` is the calibrated probability of `direction`.
    `reference_price` is the bar's close in quote currency. `volatility` is the standard
    deviation of one-bar log returns over the last 60 bars. Times are tz-aware UTC.
    `bar_received_at` is when that bar reached this process, None in a signal of an earlier one.
    """

    id: int
    model_id: str
    model_version: str
    symbol: str
    bar_close: datetime
    issued_at: datetime
    valid_until: datetime
    horizon_s: int
    probabilities: dict[Direction, float]
    direction: Direction
    confidence: float
    reference_price: float
    volatility: float
    schema_hash: str
    flags: tuple[str, ...] = ()
    bar_received_at: datetime | None = None
