"""What people ordered the bots to do, every order kept; the newest for a bot or for all holds."""

from dataclasses import dataclass, replace
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
    return replace(order, revision=int(revision or 0))


def newest_controls(journal: Journal) -> list[ControlOrder]:
    """Return the newest order for each bot and for all, oldest first."""
    rows = journal.query(
        "SELECT *, max(revision) FROM control_orders GROUP BY bot_id ORDER BY revision"
    )
    return [_order(row) for row in rows]


def last_reports(journal: Journal) -> dict[str, datetime]:
    """Return when each bot reported an order last, tz-aware UTC, by the bot's name."""
    rows = journal.query("SELECT bot_id, max(received_at) AS at FROM trade_events GROUP BY bot_id")
    return {row["bot_id"]: from_text(row["at"]) for row in rows}


def _order(row: dict[str, Any]) -> ControlOrder:
    return ControlOrder(
        mode=ControlMode(row["mode"]),
        bot_id=row["bot_id"],
        who=row["who"],
        why=row["why"],
        set_at=from_text(row["set_at"]),
        revision=row["revision"],
    )
