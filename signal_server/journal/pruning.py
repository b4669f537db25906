"""Old predictions leave the trade log, in steps so small that no signal waits for them.

What goes is old against the newest row of its table, so that a clock that jumps deletes nothing.
Trades, events, orders, days, and what trades and accuracy rest on, stay for ever. SQLite writes
new rows where old ones were, so the file stops growing.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import takewhile
from typing import Any

from signal_server.journal.journal import Journal, from_text, to_text

STEP_ROWS = 100
MAX_STEPS = 40
REST_S = 0.02
"""Between two steps, so that whoever waits to write comes first."""

# One call a symbol and horizon: what came of these is what live accuracy counts.
_COUNTED = "correct IS NOT NULL AND unixepoch(bar_close) % horizon_s < :bar_seconds"
_TRADED = "EXISTS (SELECT 1 FROM hummingbot_trades t WHERE t.prediction_id = p.id)"


@dataclass(frozen=True, slots=True)
class _Table:
    """A table whose old rows go: their time, which of them stay, and which have features."""

    name: str
    time: str
    kept: str = "0"
    traded: str = "0"

    @property
    def newest(self) -> str:
        return f"SELECT {self.time} AS at FROM {self.name} ORDER BY id DESC LIMIT 1"  # noqa: S608

    @property
    def oldest(self) -> str:
        return (
            f"SELECT id, {self.time} AS at, {self.kept} AS kept, {self.traded} AS traded"  # noqa: S608
            f" FROM {self.name} p WHERE id > :after ORDER BY id LIMIT :limit"
        )

    @property
    def delete(self) -> str:
        return f"DELETE FROM {self.name} WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608


_PUBLISHED = _Table("ml_predictions", "known_at", f"{_COUNTED} OR {_TRADED}", _TRADED)
_TABLES = (
    _PUBLISHED,
    _Table("shadow_predictions", "known_at", _COUNTED),
    _Table("health_metrics", "at"),
)
_DELETE_FEATURES = "DELETE FROM ml_features WHERE prediction_id IN (SELECT value FROM json_each(?))"


class Pruning:
    """Goes through the log from its oldest rows, and remembers how far it came."""

    def __init__(
        self, keep: timedelta, bar_seconds: int, rest: Callable[[float], object] = time.sleep
    ) -> None:
        """Keep what is younger than `keep`; rest between two steps."""
        self._keep = keep
        self._bar_seconds = bar_seconds
        self._rest = rest
        self._after = {table.name: 0 for table in _TABLES}

    def run(self, journal: Journal) -> int:
        """Take some steps, as long as there is something old; return how many rows went.

        Each step is one transaction. Raises `JournalError` when the log cannot be written.
        """
        gone = 0
        for table in _TABLES:
            cutoff = self._cutoff(journal, table)
            for _ in range(MAX_STEPS if cutoff else 0):
                rows = self._old_rows(journal, table, cutoff)
                if not rows:
                    break
                gone += self._delete(journal, table, rows)
                self._after[table.name] = rows[-1]["id"]
                self._rest(REST_S)
        return gone

    def _cutoff(self, journal: Journal, table: _Table) -> str:
        newest = journal.query(table.newest)
        return to_text(from_text(newest[0]["at"]) - self._keep) if newest else ""

    def _old_rows(self, journal: Journal, table: _Table, cutoff: str) -> list[dict[str, Any]]:
        asked = {"after": self._after[table.name], "limit": STEP_ROWS}
        counted = {"bar_seconds": self._bar_seconds} if ":bar_seconds" in table.oldest else {}
        rows = journal.query(table.oldest, asked | counted)
        return list(takewhile(lambda row: row["at"] < cutoff, rows))

    def _delete(self, journal: Journal, table: _Table, rows: list[dict[str, Any]]) -> int:
        gone = [row["id"] for row in rows if not row["kept"]]
        features = [row["id"] for row in rows if not row["traded"]] if table is _PUBLISHED else []
        if gone or features:
            with journal.transaction():
                journal.execute(_DELETE_FEATURES, (json.dumps(features),))
                journal.execute(table.delete, (json.dumps(gone),))
        return len(gone)
