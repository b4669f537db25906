"""Guards before an order is sent: what the market, the clock or the pace has against it. Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

BASIS_POINTS = Decimal(10_000)


class Guard(StrEnum):
    """What is in an entry's way now; the text that status pages and logs show."""

    BASIS = "exchange's price is too far from the signal's"
    SPREAD = "spread is too wide"
    DEPTH = "book is too thin for the size"
    CLOCK = "clocks of server and bot are too far apart"
    NO_CLOCK = "server's clock is not known yet"
    SILENT = "signal server is silent"
    RATE = "as many orders a minute as allowed"


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """How far things may be off, in basis points, seconds, and entries a minute."""

    max_basis_bps: Decimal = Decimal(50)
    max_spread_bps: Decimal = Decimal(30)
    max_impact_bps: Decimal = Decimal(30)
    max_clock_skew_s: float = 2.0
    max_orders_per_minute: int = 30


@dataclass(frozen=True, slots=True)
class Link:
    """How the line to the server is: the clocks' distance in seconds, and whether it is silent."""

    skew_s: float | None
    silent: bool


def refuse_link(link: Link, orders_last_minute: int, config: GuardConfig) -> Guard | None:
    """Return what the server's line or the pace of orders has against an entry."""
    if link.silent:
        return Guard.SILENT
    if link.skew_s is None:
        return Guard.NO_CLOCK
    if abs(link.skew_s) > config.max_clock_skew_s:
        return Guard.CLOCK
    return Guard.RATE if orders_last_minute >= config.max_orders_per_minute else None


def refuse_prices(
    bid: Decimal, ask: Decimal, reference: Decimal, config: GuardConfig
) -> Guard | None:
    """Return what the best prices have against an entry on a signal made at `reference`."""
    mid = (bid + ask) / 2
    if abs(mid / reference - 1) * BASIS_POINTS > config.max_basis_bps:
        return Guard.BASIS
    return Guard.SPREAD if (ask - bid) / mid * BASIS_POINTS > config.max_spread_bps else None


def refuse_depth(mid: Decimal, average: Decimal | None, config: GuardConfig) -> Guard | None:
    """Return whether buying the size at an `average` price costs too much; None: too thin."""
    if average is None:
        return Guard.DEPTH
    return Guard.DEPTH if (average / mid - 1) * BASIS_POINTS > config.max_impact_bps else None
