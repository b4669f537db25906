"""Random faults by seed: the same seed gives the same storm."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from random import Random

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_timer import Timer

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """How a fault comes in a storm: so often, or for so many seconds, how big, and how likely."""

    name: FaultName
    times: int | None = None
    lasts_s: Range | None = None
    amount: Range | None = None
    probability: float = 1.0


@dataclass(frozen=True, slots=True)
class Gust:
    """A fault to switch on so many seconds after the storm's start."""

    at_s: float
    name: FaultName
    remaining: int | None
    for_s: float | None
    amount: float | None
    probability: float = 1.0

    def strike(self, faults: FaultSwitch) -> None:
        """Switch the fault on."""
        faults.on(
            self.name,
            probability=self.probability,
            remaining=self.remaining,
            for_s=self.for_s,
            amount=self.amount,
        )


_STATUS, _LATE_S, _SHORT_S = (502.0, 520.0), (1.0, 12.0), (3.0, 20.0)
_LONG_S, _SHARE = (10.0, 60.0), (0.1, 0.9)
KINDS = (
    Kind(FaultName.KRAKEN_PUBLIC_5XX, times=3, amount=_STATUS),
    Kind(FaultName.KRAKEN_PRIVATE_5XX, times=2, amount=_STATUS),
    Kind(FaultName.KRAKEN_CUT, times=2),
    Kind(FaultName.KRAKEN_SLOW_REQUEST, times=1, amount=_LATE_S),
    Kind(FaultName.KRAKEN_ACCEPTED_520, times=1, amount=_STATUS),
    Kind(FaultName.KRAKEN_ACCEPTED_CUT, times=1),
    Kind(FaultName.KRAKEN_ACCEPTED_ERROR, times=1),
    Kind(FaultName.KRAKEN_ACCEPTED_LATE, times=1, amount=(0.5, 8.0)),
    Kind(FaultName.KRAKEN_SLOW_ANSWER, times=2, amount=_LATE_S),
    Kind(FaultName.KRAKEN_HTML_ANSWER, times=1),
    Kind(FaultName.KRAKEN_TRUNCATED_ANSWER, times=1),
    Kind(FaultName.KRAKEN_TOO_MANY_REQUESTS, times=3),
    Kind(FaultName.KRAKEN_INVALID_NONCE, times=2),
    Kind(FaultName.KRAKEN_RATE_LIMIT, lasts_s=_SHORT_S),
    Kind(FaultName.KRAKEN_THROTTLED, times=2),
    Kind(FaultName.KRAKEN_BUSY, times=3),
    Kind(FaultName.KRAKEN_UNAVAILABLE, lasts_s=_SHORT_S),
    Kind(FaultName.KRAKEN_INTERNAL_ERROR, times=2),
    Kind(FaultName.KRAKEN_ORDER_RATE_LIMIT, times=2),
    Kind(FaultName.KRAKEN_CANCEL_ONLY, lasts_s=_SHORT_S),
    Kind(FaultName.KRAKEN_MAINTENANCE, lasts_s=_LONG_S),
    Kind(FaultName.KRAKEN_REJECTED_LATE, times=1, amount=(0.0, 5.0)),
    Kind(FaultName.KRAKEN_SLOW_FILL, times=2, amount=_LATE_S),
    Kind(FaultName.KRAKEN_PARTIAL_FILL, lasts_s=_SHORT_S, amount=_SHARE),
    Kind(FaultName.KRAKEN_REMAINDER_CANCELED, times=1, amount=_SHARE),
    Kind(FaultName.KRAKEN_HIDDEN_ORDER, times=1, amount=(0.2, 1.5)),
    Kind(FaultName.KRAKEN_SLOW_CANCEL, times=1, amount=_LATE_S),
    Kind(FaultName.KRAKEN_FILLED_INSTEAD, times=1),
    Kind(FaultName.KRAKEN_THIN_BOOK, lasts_s=_SHORT_S, amount=(0.0005, 0.05)),
    Kind(FaultName.KRAKEN_FLASH_CRASH, lasts_s=_SHORT_S, amount=(-0.15, 0.05)),
    Kind(FaultName.KRAKEN_HISTORY_LAG, times=5, amount=_LATE_S),
    Kind(FaultName.KRAKEN_BALANCE_LAG, times=5, amount=_LATE_S),
    Kind(FaultName.KRAKEN_EARN_BALANCE, lasts_s=_LONG_S, amount=_SHARE),
    Kind(FaultName.KRAKEN_LOST_FILL, times=2),
    Kind(FaultName.KRAKEN_LATE_FILL, times=2, amount=_LATE_S),
    Kind(FaultName.KRAKEN_FILL_TWICE, times=2),
    Kind(FaultName.KRAKEN_EARLY_FILL, times=1, amount=(0.1, 3.0)),
    Kind(FaultName.KRAKEN_LOST_ORDER_UPDATE, times=4),
    Kind(FaultName.KRAKEN_LATE_ORDER_UPDATE, times=3, amount=_LATE_S),
    Kind(FaultName.KRAKEN_SEQUENCE_GAP, times=2),
    Kind(FaultName.KRAKEN_TOKEN_EXPIRED, times=1),
    Kind(FaultName.KRAKEN_PRIVATE_SILENCE, lasts_s=_LONG_S),
    Kind(FaultName.KRAKEN_PRIVATE_DROP, times=1),
    Kind(FaultName.KRAKEN_PRIVATE_DOWN, lasts_s=_SHORT_S),
    Kind(FaultName.KRAKEN_WRONG_CHECKSUM, times=5),
    Kind(FaultName.KRAKEN_LOST_BOOK_UPDATE, times=5),
    Kind(FaultName.KRAKEN_FROZEN_BOOK, lasts_s=_LONG_S),
    Kind(FaultName.KRAKEN_CROSSED_BOOK, lasts_s=_SHORT_S, amount=(0.0005, 0.01)),
    Kind(FaultName.KRAKEN_NO_HEARTBEAT, lasts_s=_LONG_S),
    Kind(FaultName.KRAKEN_PUBLIC_DROP, times=1),
    Kind(FaultName.KRAKEN_PUBLIC_DOWN, lasts_s=_SHORT_S),
)
"""Every fault that a client has to live through. A lockout and a lack of funds are not among them:
no client can do anything about those."""


def storm(
    seed: int, seconds: float, *, every_s: float = 15.0, kinds: tuple[Kind, ...] = KINDS
) -> list[Gust]:
    """Return faults for so many seconds, one every `every_s` on average, each kind as often."""
    random = Random(f"storm {seed}")  # noqa: S311 - chance in a simulation
    gusts: list[Gust] = []
    at_s, left = random.expovariate(1 / every_s), list[Kind]()
    while at_s < seconds:
        if not left:
            left = random.sample(kinds, len(kinds))
        kind = left.pop()
        lasts_s, amount = (
            None if bounds is None else round(random.uniform(*bounds), 4)
            for bounds in (kind.lasts_s, kind.amount)
        )
        gusts.append(Gust(at_s, kind.name, kind.times, lasts_s, amount, kind.probability))
        at_s += random.expovariate(1 / every_s)
    return gusts


def brew(gusts: Iterable[Gust], faults: FaultSwitch, timer: Timer) -> None:
    """Have each fault switched on when it is its time."""
    for gust in gusts:
        timer.later(gust.at_s, partial(gust.strike, faults))
