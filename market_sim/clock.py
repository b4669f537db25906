"""The one place where the stand-ins ask for the time, and where time can run faster."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time now, tz-aware UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class FastClock:
    """A clock that showed `shown` at the real time `at`, and has run `speed` times faster since.

    Processes that are given the same three numbers agree on the time.
    """

    shown: datetime
    at: datetime
    speed: float = 1.0

    def __call__(self) -> datetime:
        """Return the time it shows now."""
        return self.shown + (utc_now() - self.at) * self.speed


async def sleep_until(when: datetime, clock: Clock) -> None:
    """Wait until `clock` shows `when`; not at all if that is past."""
    speed = clock.speed if isinstance(clock, FastClock) else 1.0
    wait_s = (when - clock()).total_seconds() / speed
    await asyncio.sleep(max(0.0, wait_s))
