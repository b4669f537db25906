"""What the bot obeys and remembers besides trades: halts, control orders, and named values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ..codec import from_text, text
from ..rules.halts import Halt, HaltKind
from .file import JournalFile


@dataclass(frozen=True, slots=True)
class WrittenControl:
    """A control order that was seen; revision 0 for one of the local file."""

    revision: int
    mode: str
    who: str
    why: str
    set_at: datetime


class StateTables(JournalFile):
    """Halts in force and past, control orders seen, and `meta` by key."""

    def save_halts(self, halts: Iterable[Halt], at: datetime) -> None:
        """Write which halts are in force; others that were end at `at`. Unchanged: no write."""
        wanted = {halt.kind: halt for halt in halts}
        known = {halt.kind: halt for halt in self.halts()}
        if wanted == known:
            return
        with self.transaction():
            for kind in known.keys() - wanted.keys():
                self._run(
                    "UPDATE halts SET ended_at = ? WHERE kind = ? AND ended_at IS NULL",
                    (text(at), kind),
                )
            for halt in wanted.values():
                self._save_halt(halt)

    def _save_halt(self, halt: Halt) -> None:
        until = None if halt.until is None else text(halt.until)
        self._run(
            "INSERT INTO halts (kind, since, until, why, how_it_ends) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (kind) WHERE ended_at IS NULL DO UPDATE SET since = excluded.since,"
            " until = excluded.until, why = excluded.why, how_it_ends = excluded.how_it_ends",
            (halt.kind, text(halt.since), until, halt.why, halt.how_it_ends),
        )

    def halts(self) -> list[Halt]:
        """Return the halts in force, oldest first."""
        rows = self._rows("SELECT * FROM halts WHERE ended_at IS NULL ORDER BY since, halt_id")
        return [
            Halt(
                kind=HaltKind(row["kind"]),
                since=from_text(row["since"]),
                until=from_text(row["until"]) if row["until"] else None,
                why=row["why"],
                how_it_ends=row["how_it_ends"],
            )
            for row in rows
        ]

    def note_control(self, order: WrittenControl, at: datetime) -> None:
        """Write a control order that was seen at `at`; the same one again changes nothing."""
        if order == self.last_control(local=order.revision == 0):
            return
        self._run(
            "INSERT INTO control (revision, mode, who, why, set_at, seen_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (order.revision, order.mode, order.who, order.why, text(order.set_at), text(at)),
        )

    def last_control(self, *, local: bool = False) -> WrittenControl | None:
        """Return the newest control order of the server, or of the local file."""
        row = self._row(
            "SELECT * FROM control WHERE (revision = 0) = ? ORDER BY control_id DESC LIMIT 1",
            (local,),
        )
        if row is None:
            return None
        return WrittenControl(
            revision=row["revision"],
            mode=row["mode"],
            who=row["who"],
            why=row["why"],
            set_at=from_text(row["set_at"]),
        )

    def meta(self, key: str) -> str | None:
        """Return the value kept under `key`, None when there is none."""
        row = self._row("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""
        self._run(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value),
        )
