"""What a feature is."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

Compute = Callable[[Indicators], Array]


class Group(StrEnum):
    """The families of features; the first six make the 52 indicators."""

    TREND = "trend"
    MOMENTUM = "momentum"
    VOLATILITY = "volatility"
    VOLUME = "volume"
    PRICE_ACTION = "price action"
    TRANSACTIONS = "transactions"
    SIX = "six"
    SCALED = "scaled"


@dataclass(frozen=True, slots=True)
class Feature:
    """A scale-free function of final bars up to t.

    `inputs` are the bar columns that it reads. Given the newest `warmup_bars` bars its last
    value equals the one given all history: within 1e-9 of the value, or of the feature's own
    standard deviation where that is more.
    """

    name: str
    group: Group
    meaning: str
    inputs: tuple[str, ...]
    warmup_bars: int
    compute: Compute
