"""Prices that a trial moves by hand."""

from collections.abc import Sequence
from datetime import datetime

_KNOWN = {"BTC-USD": 60_000.0, "ETH-USD": 3_000.0, "SOL-USD": 150.0}


def coins(count: int) -> tuple[str, ...]:
    """Return so many symbols: the well-known ones, then made-up ones."""
    names = [*_KNOWN, *(f"C{number:02d}-USD" for number in range(count))]
    return tuple(names[:count])


class ScriptedPrices:
    """Every coin stays where the trial puts it."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self._start = {symbol: _start_price(symbol) for symbol in symbols}
        self._prices = dict(self._start)

    def price_at(self, symbol: str, _when: datetime) -> float:
        """Return the price of now, whenever that is asked."""
        return self._prices[symbol]

    def start_of(self, symbol: str) -> float:
        """Return the price that the coin began with."""
        return self._start[symbol]

    def now(self, symbol: str) -> float:
        """Return the price of now."""
        return self._prices[symbol]

    def move(self, symbol: str, share: float) -> None:
        """Put the coin at its first price changed by `share`."""
        self._prices[symbol] = self._start[symbol] * (1 + share)


def _start_price(symbol: str) -> float:
    if symbol in _KNOWN:
        return _KNOWN[symbol]
    number = int(symbol.removesuffix("-USD").removeprefix("C"))
    return round(0.5 * 1.11**number, 3)
