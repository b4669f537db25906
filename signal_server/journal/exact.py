"""Arithmetic of money that rounds nothing: decimals as text, and their sums."""

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact

PLACES = 30
"""Most digits after the point that a report may carry; twenty stand before it."""

# Products of two such numbers and sums of them fit; what does not is an error, never rounded.
_EXACT = Context(prec=160, traps=[Inexact])
_ROUNDED = Context(prec=160)


def written(value: Decimal) -> str:
    """Return all digits as the bot sent them, without an exponent."""
    return f"{value:f}"


def read(value: str | float) -> Decimal:
    """Return what a column holds: exact text, or the float of a log from before there was any."""
    return Decimal(str(value))


def total(values: Iterable[Decimal]) -> Decimal:
    """Add up without rounding."""
    result = Decimal(0)
    for value in values:
        result = _EXACT.add(result, value)
    return result


def average(weighted: Iterable[tuple[Decimal, Decimal]]) -> Decimal | None:
    """Return the mean of (value, weight) pairs, to 30 places at least; None without weight."""
    pairs = list(weighted)
    weights = total(weight for _, weight in pairs)
    if not weights:
        return None
    products = (_EXACT.multiply(value, weight) for value, weight in pairs)
    mean = _ROUNDED.divide(total(products), weights)
    return _shortest(mean)


def _shortest(value: Decimal) -> Decimal:
    rounded = value.quantize(Decimal(1).scaleb(-PLACES), context=_ROUNDED)
    return Decimal(f"{rounded.normalize(_ROUNDED):f}")


class ExactSum:
    """The SQL aggregate `exact_sum(column)`: text without rounding; NULL of no rows."""

    def __init__(self) -> None:
        self._total = Decimal(0)

    def step(self, value: str | float | None) -> None:
        """Take in one row; NULL counts as nothing."""
        if value is not None:
            self._total = _EXACT.add(self._total, read(value))

    def finalize(self) -> str:
        """Return the sum of all rows."""
        return written(self._total)
