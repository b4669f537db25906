"""The journal's decisions: what was decided and why, and how often on each day."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime

from ..codec import text
from ..outcomes import Outcome
from ..rules import Action
from .file import JournalFile


class DecisionTable(JournalFile):
    """Decisions and their counts; no money, so a power cut may take the newest."""

    def add_outcome(self, outcome: Outcome, at: datetime) -> None:
        """Write a decision and what came of it, and count its reason."""
        self.add_outcomes([outcome], at)

    def add_outcomes(self, outcomes: Iterable[Outcome], at: datetime) -> None:
        """Write what was decided in one tick, and count each reason on the day of `at`."""
        moment, decided = text(at), tuple(outcomes)
        with self.transaction(durable=False):
            self._run_many(
                "INSERT INTO decisions VALUES (?, ?, ?, ?, ?)",
                [(moment, o.symbol, o.action, o.reason, o.signal_id) for o in decided],
            )
            self._add_reasons((outcome.reason for outcome in decided), at)

    def count_reasons(self, reasons: Iterable[str], at: datetime) -> None:
        """Count reasons on the day of `at` without writing a decision."""
        with self.transaction(durable=False):
            self._add_reasons(reasons, at)

    def _add_reasons(self, reasons: Iterable[str], at: datetime) -> None:
        day = at.date().isoformat()
        self._run_many(
            "INSERT INTO reason_counts VALUES (?, ?, ?)"
            " ON CONFLICT (day, reason) DO UPDATE SET count = count + excluded.count",
            [(day, reason, times) for reason, times in Counter(reasons).items()],
        )

    def outcomes(self, limit: int | None = None) -> list[Outcome]:
        """Return the newest `limit` written decisions, or every one; oldest first."""
        rows = self._rows(
            "SELECT symbol, action, reason, signal_id FROM decisions ORDER BY rowid DESC LIMIT ?",
            (-1 if limit is None else limit,),
        )
        return [
            Outcome(symbol, Action(action), why, number)
            for symbol, action, why, number in reversed(rows)
        ]

    def reason_counts(self, day: date | None = None) -> dict[str, int]:
        """Return how often each reason was given on `day` (UTC), or ever; commonest first."""
        rows = self._rows(
            "SELECT reason, SUM(count) AS given FROM reason_counts WHERE ? IS NULL OR day = ?"
            " GROUP BY reason ORDER BY given DESC, reason",
            (None if day is None else day.isoformat(),) * 2,
        )
        return {reason: count for reason, count in rows}

    def forget_decisions(self, before: datetime) -> None:
        """Delete decisions taken before a moment; their counts stay."""
        with self.transaction(durable=False):
            self._run("DELETE FROM decisions WHERE decided_at < ?", (text(before),))
