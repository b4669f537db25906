"""The bot's own memory in SQLite: positions, orders, fills, decisions, and the outbox.

What must reach the server is written here first, in one transaction with what caused it, so a
crash between two lines of code neither loses an event nor sends one that never happened.
"""

import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from .codec import fill_of, from_text, order_of, position_of, text
from .outcomes import Outcome
from .rules import Action, ExitReason
from .trades import Fill, Order, OrderStatus, Position, PositionState

_MIGRATIONS = (
    """
    CREATE TABLE positions (
        position_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, signal_id INTEGER NOT NULL,
        confidence TEXT NOT NULL, reference_price TEXT NOT NULL, amount TEXT NOT NULL,
        opened_at TEXT NOT NULL, state TEXT NOT NULL, closed_at TEXT, exit_reason TEXT
    ) STRICT;
    CREATE INDEX positions_by_symbol ON positions (symbol, opened_at);
    CREATE TABLE orders (
        order_id TEXT PRIMARY KEY, position_id TEXT NOT NULL REFERENCES positions,
        symbol TEXT NOT NULL, side TEXT NOT NULL, order_type TEXT NOT NULL, amount TEXT NOT NULL,
        reference_price TEXT, created_at TEXT NOT NULL, status TEXT NOT NULL
    ) STRICT;
    CREATE INDEX orders_by_position ON orders (position_id);
    CREATE TABLE fills (
        order_id TEXT NOT NULL REFERENCES orders, trade_id TEXT NOT NULL, price TEXT NOT NULL,
        amount TEXT NOT NULL, fee_quote TEXT NOT NULL, filled_at TEXT NOT NULL,
        PRIMARY KEY (order_id, trade_id)
    ) STRICT;
    CREATE TABLE decisions (
        decided_at TEXT NOT NULL, symbol TEXT NOT NULL, action TEXT NOT NULL,
        reason TEXT NOT NULL, signal_id INTEGER
    ) STRICT;
    CREATE TABLE outbox (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE,
        order_id TEXT NOT NULL, payload BLOB NOT NULL, acknowledged_at TEXT, refusal TEXT
    ) STRICT;
    CREATE INDEX outbox_waiting ON outbox (sequence)
        WHERE acknowledged_at IS NULL AND refusal IS NULL;
    """,
)


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One serialised trade event on its way to the server."""

    sequence: int
    event_id: str
    payload: bytes


class Journal:
    """The SQLite file of one bot; one writer, every write atomic.

    Raises `sqlite3.Error` when the file cannot be opened, read or written.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file and bring its tables up to date."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._migrate()

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
            self._db.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the writes inside one: all of them happen, or none."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file; nothing can be written afterwards."""
        self._db.close()

    def add_position(self, position: Position) -> None:
        """Write a new position."""
        self._db.execute(
            "INSERT INTO positions (position_id, symbol, signal_id, confidence, reference_price,"
            " amount, opened_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                position.position_id,
                position.symbol,
                position.signal_id,
                text(position.confidence),
                text(position.reference_price),
                text(position.amount),
                text(position.opened_at),
                position.state,
            ),
        )

    def settle_position(
        self, position_id: str, state: PositionState, reason: ExitReason | None, at: datetime
    ) -> None:
        """Write what has become of a position."""
        self._db.execute(
            "UPDATE positions SET state = ?, exit_reason = ?, closed_at = ? WHERE position_id = ?",
            (state, reason, text(at), position_id),
        )

    def note_exit_reason(self, position_id: str, reason: ExitReason) -> None:
        """Write why an open position is being closed."""
        self._db.execute(
            "UPDATE positions SET exit_reason = ? WHERE position_id = ?", (reason, position_id)
        )

    def position(self, position_id: str) -> Position:
        """Return one position; raises `KeyError` when there is none."""
        row = self._db.execute(
            "SELECT * FROM positions WHERE position_id = ?", (position_id,)
        ).fetchone()
        if row is None:
            raise KeyError(position_id)
        return position_of(row)

    def positions(self, *states: PositionState) -> list[Position]:
        """Return all positions in `states`, oldest first."""
        marks = ", ".join("?" * len(states))
        rows = self._db.execute(
            f"SELECT * FROM positions WHERE state IN ({marks}) ORDER BY opened_at",  # noqa: S608
            states,
        )
        return [position_of(row) for row in rows]

    def recent_positions(self, limit: int) -> list[Position]:
        """Return the newest closed positions, newest first."""
        rows = self._db.execute(
            "SELECT * FROM positions WHERE state = 'CLOSED' ORDER BY closed_at DESC LIMIT ?",
            (limit,),
        )
        return [position_of(row) for row in rows]

    def last_signal_ids(self) -> dict[str, int]:
        """Return per symbol the newest signal that a position rests on."""
        rows = self._db.execute("SELECT symbol, MAX(signal_id) FROM positions GROUP BY symbol")
        return {symbol: signal_id for symbol, signal_id in rows}

    def last_exits(self) -> dict[str, datetime]:
        """Return per symbol when its latest closed position ended."""
        rows = self._db.execute(
            "SELECT symbol, MAX(closed_at) FROM positions WHERE state = 'CLOSED' GROUP BY symbol"
        )
        return {symbol: from_text(closed_at) for symbol, closed_at in rows}

    def add_order(self, order: Order) -> None:
        """Write an order that is about to be sent."""
        self._db.execute(
            "INSERT INTO orders (order_id, position_id, symbol, side, order_type, amount,"
            " reference_price, created_at, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order.order_id,
                order.position_id,
                order.symbol,
                order.side,
                order.order_type,
                text(order.amount),
                None if order.reference_price is None else text(order.reference_price),
                text(order.created_at),
                order.status,
            ),
        )

    def set_order_status(self, order_id: str, status: OrderStatus) -> None:
        """Write where an order stands now."""
        self._db.execute("UPDATE orders SET status = ? WHERE order_id = ?", (status, order_id))

    def order(self, order_id: str) -> Order | None:
        """Return an order of this bot, or None for one that is not its own."""
        row = self._db.execute("SELECT * FROM orders WHERE order_id = ?", (order_id,)).fetchone()
        return None if row is None else order_of(row)

    def orders(self, position_id: str) -> list[Order]:
        """Return all orders of a position in the order they were sent."""
        rows = self._db.execute(
            "SELECT * FROM orders WHERE position_id = ? ORDER BY rowid", (position_id,)
        )
        return [order_of(row) for row in rows]

    def add_fill(self, fill: Fill) -> bool:
        """Write a fill; False when this very fill was written before."""
        cursor = self._db.execute(
            "INSERT OR IGNORE INTO fills VALUES (?, ?, ?, ?, ?, ?)",
            (
                fill.order_id,
                fill.trade_id,
                text(fill.price),
                text(fill.amount),
                text(fill.fee_quote),
                text(fill.filled_at),
            ),
        )
        return cursor.rowcount == 1

    def fills(self, order_id: str) -> list[Fill]:
        """Return all fills of an order."""
        rows = self._db.execute(
            "SELECT * FROM fills WHERE order_id = ? ORDER BY rowid", (order_id,)
        )
        return [fill_of(row) for row in rows]

    def add_outcome(self, outcome: Outcome, at: datetime) -> None:
        """Write a decision and what came of it."""
        self._db.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?)",
            (text(at), outcome.symbol, outcome.action, outcome.reason, outcome.signal_id),
        )

    def outcomes(self) -> list[Outcome]:
        """Return every written decision, oldest first."""
        rows = self._db.execute(
            "SELECT symbol, action, reason, signal_id FROM decisions ORDER BY rowid"
        )
        return [
            Outcome(symbol, Action(action), why, number) for symbol, action, why, number in rows
        ]

    def post(self, order_id: str, payload: bytes) -> None:
        """Put an event into the outbox, behind all that wait there."""
        self._db.execute(
            "INSERT INTO outbox (event_id, order_id, payload) VALUES (?, ?, ?)",
            (uuid.uuid4().hex, order_id, payload),
        )

    def last_payload(self, order_id: str) -> bytes | None:
        """Return the newest event of an order, sent or not."""
        row = self._db.execute(
            "SELECT payload FROM outbox WHERE order_id = ? ORDER BY sequence DESC LIMIT 1",
            (order_id,),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def waiting(self, limit: int) -> list[OutboxEntry]:
        """Return the oldest events that the server has not acknowledged, in order."""
        rows = self._db.execute(
            "SELECT sequence, event_id, payload FROM outbox"
            " WHERE acknowledged_at IS NULL AND refusal IS NULL ORDER BY sequence LIMIT ?",
            (limit,),
        )
        return [OutboxEntry(sequence, event_id, payload) for sequence, event_id, payload in rows]

    def count_waiting(self) -> int:
        """Return how many events the server has not acknowledged."""
        row = self._db.execute(
            "SELECT COUNT(*) FROM outbox WHERE acknowledged_at IS NULL AND refusal IS NULL"
        ).fetchone()
        return int(row[0])

    def count_refused(self) -> int:
        """Return how many events the server would never take."""
        row = self._db.execute("SELECT COUNT(*) FROM outbox WHERE refusal IS NOT NULL").fetchone()
        return int(row[0])

    def acknowledge(self, event_ids: Sequence[str], at: datetime) -> None:
        """Write that the server holds these events."""
        with self.transaction():
            self._db.executemany(
                "UPDATE outbox SET acknowledged_at = ? WHERE event_id = ?",
                [(text(at), event_id) for event_id in event_ids],
            )

    def refuse(self, event_id: str, reason: str) -> None:
        """Set an event aside that the server calls invalid, with what it said."""
        self._db.execute("UPDATE outbox SET refusal = ? WHERE event_id = ?", (reason, event_id))
