"""Staying out of a coin for a while after leaving it. Pure."""

from datetime import datetime


def cooling_down(last_exit_at: datetime | None, cooldown_s: float, now: datetime) -> bool:
    """Whether the coin's last exit is less than `cooldown_s` ago."""
    return last_exit_at is not None and (now - last_exit_at).total_seconds() < cooldown_s
