"""What the market did after each prediction, filled in once the horizon has passed."""

from datetime import datetime
from typing import Any, Protocol

import pandas as pd

from signal_server.core.domain import Direction
from signal_server.journal.journal import Journal, from_text
from signal_server.journal.performance import refresh_days

BATCH_ROWS = 2000
BASIS_POINTS = 10_000.0

_PENDING = """
SELECT id, prediction, bar_close, known_at, reference_price, threshold_bps FROM ml_predictions
WHERE symbol = ? AND actual_move IS NULL AND known_at <= ? ORDER BY known_at LIMIT ?
"""


class BarReader(Protocol):
    """The part of the bar store that outcomes need."""

    def read(
        self, symbol: str, start: datetime | None = None, end: datetime | None = None
    ) -> pd.DataFrame:
        """Return the bar frame with close_time in (start, end]."""
        ...

    def last_close(self, symbol: str) -> datetime | None:
        """Return the newest stored bar's close, None without bars."""
        ...


def fill_outcomes(journal: Journal, bars: BarReader) -> int:
    """Fill `actual_move` and `correct` wherever the horizon has passed; return how many.

    `actual_move` is the return from the reference price to the close of the last bar at or
    before the horizon's end. It stays unknown until the stored bars reach that end, so a later
    call, also of another process, catches up.
    """
    symbols = journal.query("SELECT DISTINCT symbol FROM ml_predictions WHERE actual_move IS NULL")
    return sum(_fill_symbol(journal, bars, row["symbol"]) for row in symbols)


def outcome_class(move: float, threshold_bps: float) -> Direction:
    """Return the class that came true: FLAT inside the threshold; without one a tie is DOWN."""
    threshold = threshold_bps / BASIS_POINTS
    if move > threshold:
        return Direction.UP
    if threshold and move >= -threshold:
        return Direction.FLAT
    return Direction.DOWN


def _fill_symbol(journal: Journal, bars: BarReader, symbol: str) -> int:
    filled = 0
    newest = bars.last_close(symbol)
    while newest is not None:
        pending = journal.query(
            _PENDING, (symbol, newest.isoformat(timespec="microseconds"), BATCH_ROWS)
        )
        if not pending:
            break
        _write(journal, _outcomes(pending, _closes(bars, symbol, pending)))
        filled += len(pending)
    return filled


def _closes(bars: BarReader, symbol: str, pending: list[dict[str, Any]]) -> pd.Series:
    first = min(from_text(row["bar_close"]) for row in pending)
    return bars.read(symbol, first, from_text(pending[-1]["known_at"]))["close"]


def _outcomes(
    pending: list[dict[str, Any]], closes: "pd.Series[float]"
) -> list[tuple[dict[str, Any], float]]:
    outcomes = []
    for row in pending:
        position = closes.index.searchsorted(pd.Timestamp(row["known_at"]), side="right") - 1
        # Without any bar since the prediction the price has not moved: no trade, no new price.
        price = float(closes.iloc[position]) if position >= 0 else row["reference_price"]
        outcomes.append((row, price / row["reference_price"] - 1.0))
    return outcomes


def _write(journal: Journal, outcomes: list[tuple[dict[str, Any], float]]) -> None:
    with journal.transaction():
        for row, move in outcomes:
            came_true = outcome_class(move, row["threshold_bps"])
            journal.execute(
                "UPDATE ml_predictions SET actual_move = ?, correct = ? WHERE id = ?",
                (move, int(row["prediction"] == came_true.value), row["id"]),
            )
        refresh_days(journal, (from_text(row["bar_close"]).date() for row, _ in outcomes))
