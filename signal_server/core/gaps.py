"""How many bars may be missing from a history that a prediction rests on."""

MISSING_SHARE = 0.1
MISSING_BARS = 5


def missing_allowed(have: int) -> float:
    """Return how many bars may be missing beside `have` present ones.

    Vendors send no bar for an interval without trades, so a tenth and five may be missing.
    """
    return MISSING_SHARE * have + MISSING_BARS
