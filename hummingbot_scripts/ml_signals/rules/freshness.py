"""Whether a signal may be acted on at all: fresh, new, clean, and of an allowed model. Pure."""

from collections.abc import Collection
from datetime import datetime

from .vocabulary import Reason, SignalView


def refuse_signal(
    signal: SignalView, last_acted_id: int, models: Collection[str], now: datetime
) -> Reason | None:
    """Return what is wrong with a signal, None if nothing is; no `models` means any."""
    if now >= signal.valid_until:
        return Reason.STALE_SIGNAL
    if signal.id <= last_acted_id:
        return Reason.ALREADY_ACTED
    if signal.flags:
        return Reason.FLAGGED_DATA
    if models and signal.model not in models:
        return Reason.MODEL_NOT_ALLOWED
    return None
