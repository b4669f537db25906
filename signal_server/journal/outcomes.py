"""What the market did after each prediction, filled in once the horizon has passed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

import pandas as pd

from signal_server.core.config import BarrierConfig, LabelConfig, LabelKind
from signal_server.core.domain import Direction
from signal_server.journal.journal import Journal, from_text
from signal_server.journal.performance import refresh_days
from signal_server.labels import classes, make_labels

BATCH_ROWS = 2000
BASIS_POINTS = 10_000.0

PUBLISHED, SHADOW = "ml_predictions", "shadow_predictions"
_SYMBOLS = "SELECT DISTINCT symbol FROM {table} WHERE actual_move IS NULL"
_UPDATE = "UPDATE {table} SET actual_move = ?, correct = ? WHERE id = ?"
_PENDING = """
SELECT id, prediction, bar_close, known_at, reference_price, threshold_bps, horizon_s, barriers
FROM {table}
WHERE symbol = ? AND actual_move IS NULL AND known_at <= ? ORDER BY known_at LIMIT ?
"""


Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of a prediction: its move as a share, and its class, None without a trade."""

    row: Row
    move: float
    came_true: Direction | None

    @property
    def correct(self) -> bool | None:
        return None if self.came_true is None else self.row["prediction"] == self.came_true.value


class BarReader(Protocol):
    """The part of the bar store that outcomes need."""

    bar_seconds: int

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
    before the horizon's end, or the net return of the trade that was predicted. It stays unknown
    until the stored bars reach that end, so a later call, also of another process, catches up.
    A trade that no bar could begin has moved nothing, and its prediction is neither right nor
    wrong: `correct` stays NULL. What challengers predicted in shadow is filled in alike.
    """
    return sum(
        _fill_symbol(journal, bars, table, row["symbol"])
        for table in (PUBLISHED, SHADOW)
        for row in journal.query(_SYMBOLS.format(table=table))
    )


def outcome_class(move: float, threshold_bps: float) -> Direction:
    """Return the class that came true: FLAT inside the threshold; without one a tie is DOWN."""
    threshold = threshold_bps / BASIS_POINTS
    if move > threshold:
        return Direction.UP
    if threshold and move >= -threshold:
        return Direction.FLAT
    return Direction.DOWN


def _fill_symbol(journal: Journal, bars: BarReader, table: str, symbol: str) -> int:
    filled = 0
    newest = bars.last_close(symbol)
    while newest is not None:
        until = newest.isoformat(timespec="microseconds")
        pending = journal.query(_PENDING.format(table=table), (symbol, until, BATCH_ROWS))
        if not pending:
            break
        moves = [row for row in pending if row["barriers"] is None]
        trades = [row for row in pending if row["barriers"] is not None]
        outcomes = [*_moves(moves, bars, symbol), *_trades(trades, bars, symbol)]
        _write(journal, table, outcomes)
        filled += len(outcomes)
    return filled


def _moves(rows: Sequence[Row], bars: BarReader, symbol: str) -> Iterator[_Outcome]:
    if not rows:
        return
    first = min(from_text(row["bar_close"]) for row in rows)
    closes = bars.read(symbol, first, from_text(rows[-1]["known_at"]))["close"]
    for row in rows:
        position = closes.index.searchsorted(pd.Timestamp(row["known_at"]), side="right") - 1
        # Without any bar since the prediction the price has not moved: no trade, no new price.
        price = float(closes.iloc[position]) if position >= 0 else row["reference_price"]
        move = price / row["reference_price"] - 1.0
        yield _Outcome(row, move, outcome_class(move, row["threshold_bps"]))


def _trades(rows: Sequence[Row], bars: BarReader, symbol: str) -> Iterator[_Outcome]:
    if not rows:
        return
    first = min(from_text(row["bar_close"]) for row in rows)
    frame = bars.read(symbol, first - timedelta(seconds=bars.bar_seconds))
    for (horizon_s, barriers), alike in groupby(sorted(rows, key=_trade), key=_trade):
        label = LabelConfig(
            kind=LabelKind.TRIPLE_BARRIER,
            horizon_s=horizon_s,
            barriers=BarrierConfig.model_validate_json(barriers),
        )
        labels = make_labels(frame, label, bars.bar_seconds)
        for row in alike:
            yield _trade_outcome(row, labels)


def _trade(row: Row) -> tuple[int, str]:
    return row["horizon_s"], row["barriers"]


def _trade_outcome(row: Row, labels: pd.DataFrame) -> _Outcome:
    label = labels["label"].get(pd.Timestamp(row["bar_close"]), float("nan"))
    if pd.isna(label):
        return _Outcome(row, 0.0, None)
    move = float(labels["forward_return"][pd.Timestamp(row["bar_close"])])
    return _Outcome(row, move, classes(LabelKind.TRIPLE_BARRIER)[int(label)])


def _write(journal: Journal, table: str, outcomes: Sequence[_Outcome]) -> None:
    with journal.transaction():
        for outcome in outcomes:
            values = (outcome.move, outcome.correct, outcome.row["id"])
            journal.execute(_UPDATE.format(table=table), values)
        if table == PUBLISHED:
            days = (from_text(outcome.row["bar_close"]).date() for outcome in outcomes)
            refresh_days(journal, days)
