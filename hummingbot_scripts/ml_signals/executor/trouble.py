"""What stands in a position's way, in a sentence for the person at the terminal. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .exit_plan import Patience, in_vain, retry_at
from .legs import Leg, Outcome, Role

_NOUNS = {Outcome.SENT: "what became of it", Outcome.UNSETTLED: "what it was filled at"}


@dataclass(frozen=True, slots=True)
class Watch:
    """How things stand: times in epoch seconds; `holds` says that coins are unsold."""

    now: float
    holds: bool
    leaving: bool
    price_known: bool
    after_s: float


def trouble(legs: Sequence[Leg], patience: Patience, watch: Watch) -> str | None:
    """Return everything that is in the way, None when nothing is."""
    return "; ".join(_problems(legs, patience, watch)) or None


def _problems(legs: Sequence[Leg], patience: Patience, watch: Watch) -> Iterator[str]:
    if watch.holds and not watch.price_known:
        yield "no trusted price, so only the time limit holds"
    for role in (Role.EXIT, Role.PROTECTIVE):
        if watch.holds and (role is Role.PROTECTIVE or watch.leaving):
            yield from _refusals(legs, role, patience, watch.now)
    for leg in legs:
        yield from _stuck(leg, watch)


def _refusals(legs: Sequence[Leg], role: Role, patience: Patience, now: float) -> Iterator[str]:
    count = in_vain(legs, role)
    if not count:
        return
    last = [leg for leg in legs if leg.role is role][-1]
    wait_s = max(retry_at(legs, patience, role) - now, 0.0)
    why = f" ({last.why})" if last.why else ""
    yield f"{count} {role} orders in vain{why}, the next in {wait_s:.0f} s"


def _stuck(leg: Leg, watch: Watch) -> Iterator[str]:
    long = watch.now - leg.sent_at >= watch.after_s
    if long and leg.outcome in _NOUNS:
        yield f"the {leg.role} order {leg.order_id}: {_NOUNS[leg.outcome]} is not known yet"
    asked = leg.cancel_first_asked_at
    if leg.outcome is Outcome.LIVE and asked is not None and watch.now - asked >= watch.after_s:
        yield f"the {leg.role} order {leg.order_id} cannot be cancelled yet"
