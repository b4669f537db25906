"""The only module that asks the computer for the time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present moment, tz-aware UTC."""


def utc_now() -> datetime:
    """Return the present moment, tz-aware UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Return seconds on a clock that never goes back, for measuring durations."""
    return time.monotonic()
