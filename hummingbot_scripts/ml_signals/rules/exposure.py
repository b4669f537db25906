"""How many positions, and how much money in them, are allowed at once. Pure.

The money at risk is what the coins that are held now have cost, plus the next position: on spot
no more than that can be lost.
"""

from decimal import Decimal

from .vocabulary import Reason


def refuse_more(
    held: int, max_positions: int, exposure: Decimal, size: Decimal, max_exposure: Decimal | None
) -> Reason | None:
    """Return why no position of `size` (quote currency) may be added, None if it may."""
    if held >= max_positions:
        return Reason.TOO_MANY_POSITIONS
    if max_exposure is not None and exposure + size > max_exposure:
        return Reason.TOO_MUCH_AT_RISK
    return None
