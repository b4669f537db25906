"""What people ordered the bots to do, every order kept; the newest for a bot or for all holds."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from signal_server.journal.journal import Journal, from_text, to_text


class ControlMode(StrEnum):
    """What a bot may do about signals; the exits of its positions work in every mode."""

    RUN = "RUN"
    STOP_ENTRIES = "STOP_ENTRIES"
    PAUSE = "PAUSE"
    FLATTEN = "FLATTEN"


@dataclass(frozen=True, slots=True)
class ControlOrder:
    """One order; an empty `bot_id` means every bot, `set_at` is tz-aware UTC.

    `revision` increases with each order and is never used twice; 0 is an order not stored yet.
    """

    mode: ControlMode
    bot_id: str
    who: str
    why: str
    set_at: datetime
    revision: int = 0


def set_control(journal: Journal, order: ControlOrder) -> ControlOrder:
    """Store an order and return it with its revision; raise `JournalError` if that fails."""
    with journal.transaction():
        revision = journal.execute(
            "INSERT INTO control_orders (mode, bot_id, who, why, set_at) VALUES (?, ?, ?, ?, ?)",
            (order.mode.value, order.bot_id, order.who, order.why, to_text(order.set_at)),
        )
    values = (order.mode, order.bot_id, order.who, order.why, order.set_at)
    return ControlOrder(*values, revision=int(revision or 0))


def control_of(journal: Journal, bot_id: str) -> ControlOrder | None:
    """Return the order that holds for a bot, None if there never was one."""
    rows = journal.query(
        "SELECT * FROM control_orders WHERE bot_id IN ('', ?) ORDER BY revision DESC LIMIT 1",
        (bot_id,),
    )
    return _order(rows[0]) if rows else None


def control_history(journal: Journal, limit: int) -> list[ControlOrder]:
    """Return the newest orders, newest first."""
    rows = journal.query("SELECT * FROM control_orders ORDER BY revision DESC LIMIT ?", (limit,))
    return [_order(row) for row in rows]


def known_bots(journal: Journal) -> list[str]:
    """Return the bots that have ever reported an order, by name."""
    rows = journal.query("SELECT DISTINCT bot_id FROM hummingbot_trades ORDER BY bot_id")
    return [row["bot_id"] for row in rows]


def _order(row: dict[str, Any]) -> ControlOrder:
    return ControlOrder(
        mode=ControlMode(row["mode"]),
        bot_id=row["bot_id"],
        who=row["who"],
        why=row["why"],
        set_at=from_text(row["set_at"]),
        revision=row["revision"],
    )
