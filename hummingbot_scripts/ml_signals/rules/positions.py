"""How many positions there may be at once, never more than one a coin. Pure."""

from .vocabulary import Reason


def refuse_position(held: int, max_positions: int) -> Reason | None:
    """Return why no position may be added to `held` of them, None if one may."""
    return Reason.TOO_MANY_POSITIONS if held >= max_positions else None
