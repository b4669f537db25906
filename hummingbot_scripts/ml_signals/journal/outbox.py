"""The journal's outbox: trade events on their way to the server."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..codec import text
from .file import JournalFile


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One serialised trade event on its way to the server."""

    sequence: int
    event_id: str
    payload: bytes


class OutboxTable(JournalFile):
    """Events in the order they were written; one leaves only by the server's word."""

    def post(self, order_id: str, payload: bytes) -> None:
        """Put an event into the outbox, behind all that wait there."""
        self._run(
            "INSERT INTO outbox (event_id, order_id, payload) VALUES (?, ?, ?)",
            (uuid.uuid4().hex, order_id, payload),
        )

    def last_payload(self, order_id: str) -> bytes | None:
        """Return the newest event of an order, sent or not."""
        row = self._row(
            "SELECT payload FROM outbox WHERE order_id = ? ORDER BY sequence DESC LIMIT 1",
            (order_id,),
        )
        return None if row is None else bytes(row[0])

    def waiting(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest events that the server has not acknowledged, in order."""
        rows = self._rows(
            "SELECT sequence, event_id, payload FROM outbox"
            " WHERE acknowledged_at IS NULL AND refusal IS NULL ORDER BY sequence LIMIT ?",
            (limit,),
        )
        return [OutboxEntry(sequence, event_id, payload) for sequence, event_id, payload in rows]

    def count_waiting(self) -> int:
        """Return how many events the server has not acknowledged."""
        return self._count("acknowledged_at IS NULL AND refusal IS NULL")

    def count_refused(self) -> int:
        """Return how many events the server would never take."""
        return self._count("refusal IS NOT NULL")

    def acknowledge(self, event_ids: Sequence[str], at: datetime) -> None:
        """Write that the server holds these events."""
        with self.transaction(durable=False):  # a lost mark only sends the event once more
            for event_id in event_ids:
                self._run(
                    "UPDATE outbox SET acknowledged_at = ? WHERE event_id = ?",
                    (text(at), event_id),
                )

    def refuse(self, event_id: str, reason: str) -> None:
        """Set an event aside that the server calls invalid, with what it said."""
        self._run("UPDATE outbox SET refusal = ? WHERE event_id = ?", (reason, event_id))

    def _count(self, condition: str) -> int:
        row = self._row(f"SELECT COUNT(*) FROM outbox WHERE {condition}")  # noqa: S608
        return 0 if row is None else int(row[0])
