"""What the end of an executor means for its position. Pure."""

from decimal import Decimal

from .rules import ExitReason
from .trades import PositionState


def exit_reason(close_type: str, noted: ExitReason | None) -> ExitReason:
    """Translate an executor's close type; `noted` is why this bot stopped it early, if it did."""
    if close_type == "EARLY_STOP":
        return noted or ExitReason.EARLY_STOP
    if close_type == "EXPIRED":
        return ExitReason.TIME_LIMIT
    return ExitReason.__members__.get(close_type, ExitReason.FAILED)


def settled_state(open_amount: Decimal, min_size: Decimal, *, kept: bool) -> PositionState:
    """Return what a position is once its executor is done; dust below `min_size` is closed."""
    if open_amount <= 0 or open_amount < min_size:
        return PositionState.CLOSED
    return PositionState.KEPT if kept else PositionState.UNRESOLVED
