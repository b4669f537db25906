"""The journal's positions."""

from datetime import datetime
from decimal import Decimal

from .. import plan as plans
from ..codec import from_text, position_of, text
from ..rules import ExitReason
from ..trades import Position, PositionState
from .file import JournalFile


class PositionTable(JournalFile):
    """Positions from decision to exit."""

    def add_position(self, position: Position) -> None:
        """Write a new position with its plan."""
        self._run(
            "INSERT INTO positions (position_id, symbol, signal_id, confidence, reference_price,"
            " amount, opened_at, state, plan) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                position.position_id,
                position.symbol,
                position.signal_id,
                text(position.confidence),
                text(position.reference_price),
                text(position.amount),
                text(position.opened_at),
                position.state,
                None if position.plan is None else plans.to_json(position.plan),
            ),
        )

    def settle_position(
        self, position_id: str, state: PositionState, reason: ExitReason | None, at: datetime
    ) -> None:
        """Write what has become of a position."""
        self._run(
            "UPDATE positions SET state = ?, exit_reason = ?, closed_at = ? WHERE position_id = ?",
            (state, reason, text(at), position_id),
        )

    def reopen_position(self, position_id: str) -> None:
        """Write that an executor guards a position again that an earlier run left."""
        self._run(
            "UPDATE positions SET state = 'OPEN', closed_at = NULL WHERE position_id = ?",
            (position_id,),
        )

    def note_exit_reason(self, position_id: str, reason: ExitReason) -> None:
        """Write why an open position is being closed."""
        self._run(
            "UPDATE positions SET exit_reason = ? WHERE position_id = ?", (reason, position_id)
        )

    def note_pnl(self, position_id: str, pnl_quote: Decimal | None) -> None:
        """Write what a position has earned so far, net of fees, in quote currency."""
        self._run(
            "UPDATE positions SET pnl_quote = ? WHERE position_id = ?",
            (None if pnl_quote is None else text(pnl_quote), position_id),
        )

    def note_trailing(self, position_id: str, trigger: Decimal | None) -> None:
        """Write the net profit share below which an armed trailing stop sells."""
        with self.transaction(durable=False):  # it moves often; an older one only sells later
            self._run(
                "UPDATE positions SET trailing_trigger = ? WHERE position_id = ?",
                (None if trigger is None else text(trigger), position_id),
            )

    def write_off(self, position_id: str, amount: Decimal) -> None:
        """Write how much of a position somebody else took, in all, in base currency."""
        self._run(
            "UPDATE positions SET written_off = ? WHERE position_id = ?",
            (text(amount), position_id),
        )

    def position(self, position_id: str) -> Position:
        """Return one position; raises `KeyError` when there is none."""
        row = self._row("SELECT * FROM positions WHERE position_id = ?", (position_id,))
        if row is None:
            raise KeyError(position_id)
        return position_of(row)

    def positions(self, *states: PositionState) -> list[Position]:
        """Return all positions in `states`, oldest first."""
        marks = ", ".join("?" * len(states))
        rows = self._rows(
            f"SELECT * FROM positions WHERE state IN ({marks}) ORDER BY opened_at",  # noqa: S608
            states,
        )
        return [position_of(row) for row in rows]

    def recent_positions(self, limit: int) -> list[Position]:
        """Return the newest closed positions, newest first."""
        return [
            position_of(row)
            for row in self._rows(
                "SELECT * FROM positions WHERE state = 'CLOSED'"
                " ORDER BY closed_at DESC, rowid DESC LIMIT ?",
                (limit,),
            )
        ]

    def earned_since(self, moment: datetime) -> list[Decimal]:
        """Return what each position earned that was closed at or after `moment`, oldest first."""
        rows = self._rows(
            "SELECT pnl_quote FROM positions WHERE state = 'CLOSED' AND closed_at >= ?"
            " AND pnl_quote IS NOT NULL ORDER BY closed_at, rowid",
            (text(moment),),
        )
        return [Decimal(pnl) for (pnl,) in rows]

    def recent_results(self, limit: int) -> list[tuple[datetime, Decimal]]:
        """Return when the newest positions that traded were closed and what each earned.

        Newest first.
        """
        rows = self._rows(
            "SELECT closed_at, pnl_quote FROM positions"
            " WHERE state = 'CLOSED' AND pnl_quote IS NOT NULL"
            " ORDER BY closed_at DESC, rowid DESC LIMIT ?",
            (limit,),
        )
        return [(from_text(closed_at), Decimal(pnl)) for closed_at, pnl in rows]

    def last_signal_ids(self) -> dict[str, int]:
        """Return per symbol the newest signal that a position rests on."""
        rows = self._rows("SELECT symbol, MAX(signal_id) FROM positions GROUP BY symbol")
        return {symbol: signal_id for symbol, signal_id in rows}

    def last_exits(self) -> dict[str, datetime]:
        """Return per symbol when its latest closed position ended."""
        rows = self._rows(
            "SELECT symbol, MAX(closed_at) FROM positions WHERE state = 'CLOSED' GROUP BY symbol"
        )
        return {symbol: from_text(closed_at) for symbol, closed_at in rows}
