"""The journal's log of what it and the exchange disagreed about."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ..codec import from_text, text
from .file import JournalFile


@dataclass(frozen=True, slots=True)
class WrittenDifference:
    """What a recovery found to differ, in words; settled when a person or the bot cleared it."""

    found_at: datetime
    kind: str
    symbol: str
    position_id: str
    amount: Decimal
    words: str
    settled_at: datetime | None = None
    settled_by: str | None = None


class DifferenceTable(JournalFile):
    """Differences between the journal and the account, settled or not."""

    def add_difference(self, found: WrittenDifference, *, needs_person: bool = True) -> bool:
        """Write a difference; one that needs nobody is settled at once.

        An open one of the same kind and position is brought up to date instead: False then.
        """
        changed = self._run(
            "UPDATE differences SET amount = ?, words = ? WHERE kind = ? AND symbol = ?"
            " AND position_id = ? AND settled_at IS NULL",
            (text(found.amount), found.words, found.kind, found.symbol, found.position_id),
        ).rowcount
        if changed:
            return False
        self._run(
            "INSERT INTO differences (found_at, kind, symbol, position_id, amount, words,"
            " settled_at, settled_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                text(found.found_at),
                found.kind,
                found.symbol,
                found.position_id,
                text(found.amount),
                found.words,
                None if needs_person else text(found.found_at),
                None if needs_person else "the bot",
            ),
        )
        return True

    def reword_difference(self, kind: str, position_id: str, words: str) -> None:
        """Change the words of a difference that is open."""
        self._run(
            "UPDATE differences SET words = ? WHERE kind = ? AND position_id = ?"
            " AND settled_at IS NULL",
            (words, kind, position_id),
        )

    def last_difference(self, kind: str, symbol: str) -> WrittenDifference | None:
        """Return a coin's newest difference of a kind, settled or not; None if it has had none."""
        row = self._row(
            "SELECT * FROM differences WHERE kind = ? AND symbol = ? ORDER BY rowid DESC LIMIT 1",
            (kind, symbol),
        )
        return None if row is None else _written(row)

    def settle_differences(self, at: datetime, by: str) -> int:
        """Write that all open differences are settled, and by whom; return how many were."""
        return self._run(
            "UPDATE differences SET settled_at = ?, settled_by = ? WHERE settled_at IS NULL",
            (text(at), by),
        ).rowcount

    def open_differences(self) -> list[WrittenDifference]:
        """Return the differences that nobody has settled, oldest first."""
        rows = self._rows("SELECT * FROM differences WHERE settled_at IS NULL ORDER BY 1")
        return [_written(row) for row in rows]


def _written(row: sqlite3.Row) -> WrittenDifference:
    return WrittenDifference(
        found_at=from_text(row["found_at"]),
        kind=row["kind"],
        symbol=row["symbol"],
        position_id=row["position_id"],
        amount=Decimal(row["amount"]),
        words=row["words"],
    )
