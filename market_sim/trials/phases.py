"""In which phase of its life a position was when the bot was killed. Pure."""

from collections.abc import Sequence
from enum import StrEnum

from market_sim.trials.books import BookedOrder, Books
from market_sim.trials.evidence import Evidence, SaidOrder

STOP = "stop-loss"


class Phase(StrEnum):
    """Where journal and exchange stood."""

    ENTRY_JOURNALED = "entry journaled, not at the exchange"
    ENTRY_SENT = "entry at the exchange, not acknowledged"
    ENTRY_ACKNOWLEDGED = "entry acknowledged, not filled"
    ENTRY_PARTLY_FILLED = "entry partly filled"
    ENTRY_FILLED = "entry filled, not journaled"
    OPEN = "open"
    PROTECTIVE_SENT = "protective stop sent, not acknowledged"
    PROTECTIVE_RESTING = "open, protective stop resting"
    EXIT_JOURNALED = "exit journaled, not at the exchange"
    EXIT_SENT = "exit at the exchange, not acknowledged"
    EXIT_ACKNOWLEDGED = "exit acknowledged, not filled"
    EXIT_PARTLY_FILLED = "exit partly filled"
    EXIT_FILLED = "exit filled, not journaled"
    LEFT = "sold, position not closed in the journal"


def phase_of(symbol: str, books: Books, said: Evidence) -> Phase | None:
    """Return the phase of a coin's unfinished position; None if it has none."""
    position = next((p for p in reversed(said.of(symbol)) if not p.done), None)
    if position is None:
        return None
    orders = said.orders_of(position.position_id)
    booked = {str(order.userref): order for order in books.orders}
    for role, judge in (("EXIT", _exit), ("PROTECTIVE", _protective), ("ENTRY", _entry)):
        mine = [order for order in orders if order.role == role]
        if mine and (phase := judge(mine, booked.get(mine[-1].order_id))):
            return phase
    return Phase.ENTRY_JOURNALED


def _entry(orders: Sequence[SaidOrder], there: BookedOrder | None) -> Phase | None:
    said = orders[-1]
    if there is None:
        return Phase.ENTRY_JOURNALED
    if there.filled == there.size:
        return Phase.OPEN if said.filled == there.filled else Phase.ENTRY_FILLED
    if there.filled:
        return Phase.ENTRY_PARTLY_FILLED
    return Phase.ENTRY_SENT if said.txid is None else Phase.ENTRY_ACKNOWLEDGED


def _protective(orders: Sequence[SaidOrder], there: BookedOrder | None) -> Phase | None:
    if there is None or (there.live and orders[-1].txid is None):
        return Phase.PROTECTIVE_SENT
    if there.live:
        return Phase.PROTECTIVE_RESTING
    return Phase.EXIT_FILLED if there.filled else Phase.OPEN


def _exit(orders: Sequence[SaidOrder], there: BookedOrder | None) -> Phase | None:
    said = orders[-1]
    if there is None:
        return Phase.EXIT_JOURNALED
    if there.filled == there.size:
        return Phase.LEFT if said.filled == there.filled else Phase.EXIT_FILLED
    if there.filled:
        return Phase.EXIT_PARTLY_FILLED
    return Phase.EXIT_SENT if said.txid is None else Phase.EXIT_ACKNOWLEDGED
