"""How much money may be at risk at once. Pure.

The money at risk is what the coins that are held now have cost, plus the next position: on spot
no more than that can be lost. A position whose purchase is under way counts with its planned
cost; fees and unrealised profit do not count.
"""

from decimal import Decimal

from .vocabulary import Reason


def refuse_exposure(
    exposure: Decimal, size: Decimal, max_exposure: Decimal | None
) -> Reason | None:
    """Return why no position of `size` (quote currency) may be added, None if it may."""
    if max_exposure is not None and exposure + size > max_exposure:
        return Reason.TOO_MUCH_AT_RISK
    return None
