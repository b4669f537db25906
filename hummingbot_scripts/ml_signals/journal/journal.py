"""The journal of one bot, whole.

What must reach the exchange or the server is written here first, in one transaction with what
caused it, so a crash between two lines of code neither loses an event nor sends one that never
happened.
"""

from pathlib import Path

from ..pb.signals_pb2 import TradeEvent
from .decisions import DecisionTable
from .differences import DifferenceTable
from .file import JournalError, Owner
from .orders import OrderTable
from .outbox import OutboxTable
from .positions import PositionTable
from .state import StateTables


class Journal(PositionTable, OrderTable, OutboxTable, DecisionTable, StateTables, DifferenceTable):
    """The SQLite file of one bot; one writer, every write atomic.

    Raises `JournalError`, and nothing else, when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        """Open or create the file at `path` for `owner`, and refuse that of another."""
        super().__init__(path, owner)
        try:
            if owner is not None:
                self._claim(owner)
        except JournalError:
            self.close()
            raise

    def _claim(self, owner: Owner) -> None:
        known = self._known_owner()
        if known is not None and known != owner:
            raise JournalError(
                f"{self._path} belongs to bot {known.bot_id!r} in {known.mode} mode, not to "
                f"{owner.bot_id!r} in {owner.mode} mode; choose another bot_id, or move it away "
                "once nothing of it is held."
            )
        if self.meta("bot_id") is None:
            with self.transaction():
                self.set_meta("bot_id", owner.bot_id)
                self.set_meta("mode", owner.mode)

    def _known_owner(self) -> Owner | None:
        bot_id, mode = self.meta("bot_id"), self.meta("mode")
        if bot_id is not None and mode is not None:
            return Owner(bot_id, mode)
        row = self._row("SELECT payload FROM outbox ORDER BY sequence DESC LIMIT 1")
        if row is None:
            return None
        event = TradeEvent.FromString(bytes(row[0]))
        return Owner(event.bot_id, event.mode)
