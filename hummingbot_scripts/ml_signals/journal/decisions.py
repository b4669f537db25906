"""The journal's decisions: what was decided and why, and how often on each day."""

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
        with self.transaction(durable=False):
            for outcome in outcomes:
                self._run(
                    "INSERT INTO decisions VALUES (?, ?, ?, ?, ?)",
                    (text(at), outcome.symbol, outcome.action, outcome.reason, outcome.signal_id),
                )
                self._count_reason(outcome.reason, at)

    def count_reasons(self, reasons: Iterable[str], at: datetime) -> None:
        """Count reasons on the day of `at` without writing a decision."""
        with self.transaction(durable=False):
            for reason in reasons:
                self._count_reason(reason, at)

    def _count_reason(self, reason: str, at: datetime) -> None:
        self._run(
            "INSERT INTO reason_counts VALUES (?, ?, 1)"
            " ON CONFLICT (day, reason) DO UPDATE SET count = count + 1",
            (at.date().isoformat(), reason),
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
