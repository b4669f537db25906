"""What can be wrong with a bar, and what can be odd about one."""

from enum import StrEnum


class BarFault(StrEnum):
    """Why a bar is held back: it is quarantined and never used."""

    NOT_FINITE = "not_finite"
    NEGATIVE = "negative"
    ZERO_PRICE = "zero_price"
    INCONSISTENT = "inconsistent"
    MISALIGNED = "misaligned"
    FUTURE = "future"
    ANCIENT = "ancient"
    SPIKE = "spike"


class BarFlag(StrEnum):
    """What is odd about a bar that is used all the same; it travels to the signals made of it."""

    JUMP = "jump"
    FLAT_RUN = "flat_run"
    VOLUME_OUTLIER = "volume_outlier"
    HOLE = "hole"


FAULTS = (None, *BarFault)
"""Faults by their code, which is 0 for a bar without one."""

_BITS = {flag: 1 << place for place, flag in enumerate(BarFlag)}
_COMBINATIONS = tuple(
    tuple(flag for flag, bit in _BITS.items() if mask & bit) for mask in range(1 << len(BarFlag))
)


def code_of(fault: BarFault) -> int:
    """Return a fault's code."""
    return FAULTS.index(fault)


def bit_of(flag: BarFlag) -> int:
    """Return a flag's bit in a mask."""
    return _BITS[flag]


def flags_of(mask: int) -> tuple[BarFlag, ...]:
    """Return the flags whose bits are set in a mask."""
    return _COMBINATIONS[mask]
