"""Between the journal and a recovery: what it looks at, and how what it found is written."""

from datetime import datetime

from .claims import ENDED, Claim
from .journal import Journal, WrittenDifference
from .reconciliation import Difference, DifferenceKind, Reconciliation
from .trades import OrderStatus, Position, PositionState


def claim_of(journal: Journal, position: Position) -> Claim:
    """Return a position as a recovery looks at it."""
    orders = journal.orders(position.position_id)
    fills = {order.order_id: tuple(journal.fills(order.order_id)) for order in orders}
    return Claim(position, tuple(orders), fills)


def write_findings(journal: Journal, found: Reconciliation, at: datetime) -> None:
    """Write the fills, order states and differences that a recovery has learned."""
    for fill in found.new_fills:
        journal.add_fill(fill)
    for state in found.order_states:
        journal.set_order_status(state.order_id, state.status)
        if state.txid is not None:
            journal.set_txid(state.order_id, state.txid)
    for difference in found.differences:
        _write(journal, difference, at)


def _write(journal: Journal, found: Difference, at: datetime) -> None:
    written = WrittenDifference(
        found_at=at,
        kind=found.kind,
        symbol=found.symbol,
        position_id=found.position_id,
        amount=found.amount,
        words=found.words,
    )
    journal.add_difference(written, needs_person=found.kind.needs_person)


def accept(journal: Journal, found: WrittenDifference) -> None:
    """Take the account's word: write missing coins off, end orders that are not listed."""
    position = journal.position(found.position_id)
    if position.state in {PositionState.CLOSED, PositionState.GONE}:
        return
    if found.kind == DifferenceKind.SOLD_ELSEWHERE:
        journal.write_off(position.position_id, position.written_off + found.amount)
    if found.kind == DifferenceKind.UNLISTED:
        for order in journal.orders(position.position_id):
            if order.status not in ENDED:
                journal.set_order_status(order.order_id, OrderStatus.CANCELED)
