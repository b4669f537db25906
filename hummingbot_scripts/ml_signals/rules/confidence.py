"""How sure a signal must be. Pure."""

from decimal import Decimal

from .vocabulary import Reason


def refuse_confidence(confidence: Decimal, minimum: Decimal) -> Reason | None:
    """Return why a calibrated probability is too low to act on, None if it is not."""
    return Reason.LOW_CONFIDENCE if confidence < minimum else None
