"""What people may order: pure."""

from collections.abc import Iterable
from enum import StrEnum

from .vocabulary import Reason


class ControlMode(StrEnum):
    """What the bot may do about signals; the exits of its positions work in every mode."""

    RUN = "run"
    STOP_ENTRIES = "stop-entries"
    PAUSE = "pause"
    FLATTEN = "flatten"


_BY_STRICTNESS = tuple(ControlMode)

_REFUSALS = {
    ControlMode.STOP_ENTRIES: Reason.ENTRIES_STOPPED,
    ControlMode.PAUSE: Reason.PAUSED,
    ControlMode.FLATTEN: Reason.FLATTENING,
}


def strictest(modes: Iterable[ControlMode]) -> ControlMode:
    """Return the strictest of several orders, RUN if there are none."""
    return max(modes, key=_BY_STRICTNESS.index, default=ControlMode.RUN)


def refuse_entry(mode: ControlMode) -> Reason | None:
    """Return why nothing is opened in this mode, None if it may be."""
    return _REFUSALS.get(mode)


def ignores_signals(mode: ControlMode) -> bool:
    """Whether DOWN closes nothing either."""
    return mode is ControlMode.PAUSE
