"""The one place where the stand-ins ask for the time."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, tz-aware UTC."""
    return datetime.now(UTC)
