"""What people have ordered, by the server and by the local file, kept over restarts."""

from datetime import datetime

from .clock import Clock
from .control import ControlLine, ControlOrder, LocalSwitch
from .journal import Journal, WrittenControl
from .rules import ControlMode, strictest


class Orders:
    """The orders in force; the strictest holds. A new one is written down when it is seen."""

    def __init__(
        self, journal: Journal, line: ControlLine, switch: LocalSwitch, clock: Clock
    ) -> None:
        """Obey what an earlier run was ordered until the server says what holds now."""
        self._journal = journal
        self._line = line
        self._switch = switch
        self._clock = clock
        self._seen: set[WrittenControl] = set()
        self._earlier = journal.last_control()
        self.resumed_at: datetime | None = None
        self.in_force: tuple[ControlOrder, ...] = ()

    @property
    def mode(self) -> ControlMode:
        """What the bot may do now."""
        return strictest(order.mode for order in self.in_force)

    @property
    def why(self) -> str:
        """Who ordered the strictest mode, and why; empty when nothing restrains the bot."""
        mode = self.mode
        if mode is ControlMode.RUN:
            return ""
        order = next(order for order in self.in_force if order.mode is mode)
        return f"{order.who}: {order.why}"

    def read(self) -> ControlOrder | None:
        """Read what is ordered now; return an order to resume that is new, else None."""
        remote, local = self._line.order or self._remembered(), self._switch.read()
        self.in_force = tuple(order for order in (remote, local) if order is not None)
        fresh = [order for order in self.in_force if self._note(order)]
        resumed = next((order for order in fresh if order.mode is ControlMode.RUN), None)
        if resumed is not None:
            self.resumed_at = self._clock()
        return resumed

    def _remembered(self) -> ControlOrder | None:
        earlier = self._earlier
        if earlier is None:
            return None
        mode = ControlMode(earlier.mode)
        return ControlOrder(mode, earlier.who, earlier.why, earlier.set_at, earlier.revision)

    def _note(self, order: ControlOrder) -> bool:
        """Write an order down that was not seen before; True for one of after the start."""
        written = WrittenControl(order.revision, order.mode, order.who, order.why, order.set_at)
        if written in self._seen:
            return False
        self._seen.add(written)
        known = written == self._earlier
        self._journal.note_control(written, self._clock())
        return not known
