"""The only module of the script that asks the computer for the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, tz-aware UTC."""


def utc_now() -> datetime:
    """Return the present moment, tz-aware UTC."""
    return datetime.now(UTC)


def from_epoch(seconds: float) -> datetime:
    """Return the moment `seconds` after 1970 as tz-aware UTC."""
    return datetime.fromtimestamp(seconds, UTC)
