"""What a feature is, and the decorators that make one of a function."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypedDict, Unpack

from signal_server.core.errors import SchemaMismatchError
from signal_server.features.indicators import Indicators
from signal_server.features.windows import Array

Compute = Callable[[Indicators], Array]


class Unit(StrEnum):
    """What a feature is counted in; none has the scale of a price or of a volume."""

    SHARE = "share"
    PERCENT = "per cent"
    RATIO = "ratio"
    DEVIATIONS = "standard deviations"
    PER_BAR = "log return per bar"


class Mirror(Enum):
    """What becomes of a feature when every price p becomes 1 / p: rises are falls of the same size.

    The value is (sign, offset): the mirrored value is offset + sign * value.
    """

    SAME = (1.0, 0.0)
    NEGATED = (-1.0, 0.0)
    OF_SHARE = (-1.0, 1.0)
    OF_PERCENT = (-1.0, 100.0)


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
    SLOW = "slow"
    TIMEFRAMES = "timeframes"
    CALENDAR = "calendar"
    LEADERS = "leaders"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Feature:
    """A scale-free function of final bars up to t.

    `inputs` are the bar columns that it reads, `leaders` the symbols whose bars it reads beside
    its own. Given the newest `warmup_bars` bars its last value equals the one given all history:
    within 1e-9 of the value, or of the feature's own standard deviation where that is more.
    `mirror` is how it answers to inverted prices, None where that is not said.
    """

    name: str
    group: Group
    meaning: str
    inputs: tuple[str, ...]
    warmup_bars: int
    compute: Compute
    unit: Unit
    source: str = ""
    leaders: tuple[str, ...] = ()
    mirror: Mirror | None = None


class About(TypedDict, total=False):
    """What may be said of a feature beside what must be.

    `name` and `meaning` stand in for the function's own name and docstring, `source` is where its
    formula comes from, `leaders` are the other symbols whose bars it reads, `mirror` is how it
    answers to inverted prices.
    """

    name: str
    meaning: str
    source: str
    leaders: tuple[str, ...]
    mirror: Mirror | None


def feature(
    group: Group,
    inputs: tuple[str, ...],
    warmup_bars: int,
    *,
    unit: Unit,
    **about: Unpack[About],
) -> Callable[[Compute], Feature]:
    """Make a feature of the function that follows, and enter it in the register.

    Its name and docstring are the feature's name and meaning, unless they are given.
    """

    def register(compute: Compute) -> Feature:
        meaning = about.get("meaning") or compute.__doc__ or ""
        made = Feature(
            name=about.get("name") or compute.__name__,
            group=group,
            meaning=meaning[:1].upper() + meaning[1:].rstrip("."),
            inputs=inputs,
            warmup_bars=warmup_bars,
            compute=compute,
            unit=unit,
            source=about.get("source", ""),
            leaders=about.get("leaders", ()),
            mirror=about.get("mirror"),
        )
        if made.name in REGISTER:
            raise SchemaMismatchError(f"two features are called {made.name}; rename one of them")
        REGISTER[made.name] = made
        return made

    return register


REGISTER: dict[str, Feature] = {}
"""Every feature that was made, by name."""
