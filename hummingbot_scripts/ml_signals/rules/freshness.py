"""Whether a signal may be acted on at all: fresh, not acted on before, and of clean data. Pure."""

from datetime import datetime

from .vocabulary import Reason, SignalView


def refuse_signal(signal: SignalView, last_acted_id: int, now: datetime) -> Reason | None:
    """Return what is wrong with a signal, None if nothing is."""
    if now >= signal.valid_until:
        return Reason.STALE_SIGNAL
    if signal.id <= last_acted_id:
        return Reason.ALREADY_ACTED
    return Reason.FLAGGED_DATA if signal.flags else None
