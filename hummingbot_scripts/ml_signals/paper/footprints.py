"""What this account has taken from a book that does not know of it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from ..trades import OrderSide
from .matching import Level
from .orders import ZERO


@dataclass(frozen=True, slots=True)
class _Print:
    level: Level
    taken: Decimal = ZERO


class Footprints:
    """Remembers takings level by level until the exchange tells of that level anew.

    The real book still shows what a paper order took; without a memory the same coins could be
    bought again and again.
    """

    def __init__(self) -> None:
        """Begin with untouched books."""
        self._prints: dict[tuple[str, OrderSide], dict[Decimal, _Print]] = {}

    def left(self, symbol: str, side: OrderSide, levels: Iterable[Level]) -> list[Level]:
        """Return the levels that an order of this side finds, less what it already took there."""
        before = self._prints.get((symbol, side), {})
        now: dict[Decimal, _Print] = {}
        for level in levels:
            known = before.get(level.price)
            same = known is not None and known.level == level
            now[level.price] = known if known is not None and same else _Print(level)
        self._prints[symbol, side] = now
        return [
            replace(mark.level, size=mark.level.size - mark.taken)
            for mark in now.values()
            if mark.level.size > mark.taken
        ]

    def note(self, symbol: str, side: OrderSide, price: Decimal, taken: Decimal) -> None:
        """Remember that `taken` more went from a level that `left` has returned."""
        prints = self._prints[symbol, side]
        prints[price] = replace(prints[price], taken=prints[price].taken + taken)
