"""A final bar as it is handed over, and whether two tellings of a bar agree."""

from dataclasses import dataclass
from datetime import datetime

from signal_server.core.domain import BAR_COLUMNS, Bar


@dataclass(frozen=True, slots=True)
class LiveBar:
    """A final bar, and when this process received it (tz-aware UTC).

    `repaired` bars were missed on the stream and fetched, or came late: they may be older than
    bars before them. `flags` say what is odd about it, as `BarFlag` has it.
    """

    bar: Bar
    received_at: datetime
    repaired: bool
    flags: tuple[str, ...] = ()


def agree(one: Bar, other: Bar) -> bool:
    """Tell whether both say the same of a bar; NaN agrees with NaN alone."""
    for name in BAR_COLUMNS:
        a, b = getattr(one, name), getattr(other, name)
        if a != b and (a == a or b == b):
            return False
    return True
