"""What a round of kills does to each coin, and when it kills: all by seed."""

from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any

from market_sim.kraken_orders import OrderStep, OrderType, Side

COINS = 10
TIME_LIMIT_S = 120
_LOST = 0.4


class Way(StrEnum):
    """How an order fills."""

    AT_ONCE = "at once"
    SLOWLY = "slowly"
    IN_PART = "in part"


class Ends(StrEnum):
    """What the price does to a coin."""

    FALLS = "STOP_LOSS"
    RISES = "TAKE_PROFIT"
    FALLS_WHILE_DEAD = "STOP_LOSS while the bot is dead"
    STAYS = "TIME_LIMIT"

    @property
    def reason(self) -> str:
        """Why the bot has to leave."""
        return self.value.split(" ", maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Fill:
    """How an order fills, after how many seconds or to which share."""

    way: Way
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Course:
    """A coin's life."""

    entry: Fill
    exit: Fill
    ends: Ends


@dataclass(frozen=True, slots=True)
class Kill:
    """When to kill: `after_s` after the `count`th order came to a step, or without one at all.

    `side` and `order_type` say which orders count. Of the side's orders a share of `lost` never
    arrives: they are in the journal only.
    """

    step: OrderStep | None
    count: int
    after_s: float
    side: Side = Side.BUY
    order_type: OrderType = OrderType.MARKET
    lost: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    """A round: its coins' courses by symbol, and a kill in each stage.

    `again_s`: so long after the first restart began the bot is killed once more, if at all.
    `time_limit_s` is the bot's setting.
    """

    courses: dict[str, Course]
    at_entry: Kill
    while_open: Kill
    at_exit: Kill
    protective: bool
    again_s: float | None = None
    time_limit_s: int = TIME_LIMIT_S

    @property
    def settings(self) -> dict[str, Any]:
        """What the bot's settings have to be."""
        return {"time_limit_s": self.time_limit_s, "protective_stop": self.protective}


def script_of(seed: int, number: int, symbols: tuple[str, ...]) -> Script:
    """Return the round of that number: the same for the same seed."""
    random = Random(f"kills {seed} {number}")  # noqa: S311 - chance in a simulation
    ends = [Ends.STAYS, Ends.FALLS_WHILE_DEAD, *random.choices((Ends.FALLS, Ends.RISES), k=99)]
    courses = {
        symbol: Course(_fill(random, at_once=2), _fill(random, at_once=1), end)
        for symbol, end in zip(symbols, ends, strict=False)
    }
    entry = _kill(random, len(symbols), Side.BUY)
    leaving = _kill(random, len(symbols) - 2, Side.SELL)
    if number % 4 == 0:
        entry = replace(entry, lost=_LOST)
    elif number % 4 == 1:
        entry = Kill(OrderStep.ACCEPTED, 1, 0, Side.SELL, OrderType.STOP_LOSS)
    elif number % 4 == 2:
        leaving = replace(leaving, lost=_LOST)
    return Script(
        courses,
        at_entry=entry,
        while_open=Kill(None, 0, random.choice((random.uniform(0, 1), random.uniform(0, 8)))),
        at_exit=leaving,
        protective=number % 2 == 1,
        again_s=round(random.uniform(3, 15), 1) if random.random() < 0.5 else None,
    )


def _fill(random: Random, at_once: int) -> Fill:
    way = random.choices(list(Way), (at_once, 2, 2))[0]
    amounts = {
        Way.AT_ONCE: 0.0,
        Way.SLOWLY: random.uniform(1, 6),
        Way.IN_PART: random.uniform(0.2, 0.8),
    }
    return Fill(way, round(amounts[way], 2))


def _kill(random: Random, orders: int, side: Side) -> Kill:
    step = random.choice([OrderStep.ACCEPTED, OrderStep.OPEN, OrderStep.FILL, OrderStep.CLOSED])
    late = random.choice((0.0, 0.0, random.uniform(0, 0.3), random.uniform(0, 3)))
    return Kill(step, random.randint(1, max(1, orders // 2)), round(late, 3), side)
