"""One row of the fault matrix: what goes wrong when, how the position is to end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from market_sim.faults import ANYWHERE, FaultName, FaultSwitch, Where


class Exit(StrEnum):
    """What makes the bot leave."""

    STOP = "STOP_LOSS"
    PROFIT = "TAKE_PROFIT"
    TIME = "TIME_LIMIT"
    DOWN = "SIGNAL_DOWN"
    BOT_STOPS = "EARLY_STOP"


class Enters(StrEnum):
    """Whether the entry has to come about."""

    ALWAYS = "always"
    MAYBE = "maybe"
    NEVER = "never"


class Dies(StrEnum):
    """At which moment the bot ends, and is started again."""

    NEVER = "never"
    AT_ENTRY = "as the entry is sent"
    AT_ENTRY_FILL = "as the entry fills"
    OPEN = "while the position is open"
    OPEN_AND_CRASH = "while the position is open, the price falls meanwhile"
    AT_EXIT = "as the exit is sent"
    KEPT = "is stopped and keeps the position"


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault and how it is switched on."""

    name: FaultName
    amount: float | None = None
    remaining: int | None = None
    for_s: float | None = None
    only: Where = ANYWHERE
    must_strike: bool = True

    def fall(self, faults: FaultSwitch) -> None:
        """Switch the fault on."""
        faults.on(
            self.name,
            amount=self.amount,
            remaining=self.remaining,
            for_s=self.for_s,
            only=self.only,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A row: a cell for each mode, unless `no_paper` or `no_live` says why there is none.

    `at_entry` is on before the signal, `at_exit` before the price moves, `wait_s` after the
    first fill; both `lead_s` earlier. `within_s` bounds the seconds from the barrier to the
    last sale. Where `moves` is not set, the fault itself drives the price.
    """

    name: str
    at_entry: tuple[Blow, ...] = ()
    at_exit: tuple[Blow, ...] = ()
    exit: Exit = Exit.STOP
    enters: Enters = Enters.ALWAYS
    dies: Dies = Dies.NEVER
    lead_s: float = 0.0
    wait_s: float = 1.5
    within_s: float = 15.0
    moves: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)
    no_paper: str = ""
    no_live: str = ""

    def impossible(self, mode: str) -> str:
        """Return why there is no cell for a mode, empty if there is one."""
        return self.no_live if mode == "live" else self.no_paper

    @property
    def blows(self) -> tuple[Blow, ...]:
        """All its faults."""
        return self.at_entry + self.at_exit
