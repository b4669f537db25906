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


def write_findings(journal: Journal, found: Reconciliation, at: datetime) -> list[Difference]:
    """Write what a recovery has learned; return the differences that were not written before."""
    for fill in found.new_fills:
        journal.add_fill(fill)
    for state in found.order_states:
        journal.set_order_status(state.order_id, state.status)
        if state.txid is not None:
            journal.set_txid(state.order_id, state.txid)
    return [difference for difference in found.differences if _write(journal, difference, at)]


def _write(journal: Journal, found: Difference, at: datetime) -> bool:
    """Write a difference; False when there is nothing new in it."""
    person = found.kind.needs_person
    if not person and _was_told(journal, found):
        return False
    written = WrittenDifference(
        found_at=at,
        kind=found.kind,
        symbol=found.symbol,
        position_id=found.position_id,
        amount=found.amount,
        words=found.words,
    )
    return journal.add_difference(written, needs_person=person)


def _was_told(journal: Journal, found: Difference) -> bool:
    """Whether the coin's last difference of the kind was this very one."""
    last = journal.last_difference(found.kind, found.symbol)
    return last is not None and (last.position_id, last.amount) == (
        found.position_id,
        found.amount,
    )


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
