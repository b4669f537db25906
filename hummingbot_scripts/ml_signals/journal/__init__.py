"""The bot's own memory in SQLite: positions, orders, fills, decisions, halts, and the outbox."""

from .differences import WrittenDifference
from .file import JournalError, Owner
from .journal import Journal
from .outbox import OutboxEntry
from .state import WrittenControl

__all__ = [
    "Journal",
    "JournalError",
    "OutboxEntry",
    "Owner",
    "WrittenControl",
    "WrittenDifference",
]
