"""The bots' orders as they report them, each event counted once."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from signal_server.journal.exact import written
from signal_server.journal.journal import Journal, to_text
from signal_server.journal.performance import refresh_days

_INSERT_EVENT = """
INSERT INTO trade_events (bot_id, event_id, sequence, order_id, received_at, payload)
VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (bot_id, event_id) DO NOTHING
"""
_DAYS = (
    "SELECT DISTINCT substr(filled_at, 1, 10) AS day FROM hummingbot_trades WHERE filled_at > ''"
)
_ORDER_DAY = f"{_DAYS} AND bot_id = ? AND order_id = ?"
_POSITION_DAYS = f"{_DAYS} AND bot_id = ? AND position_id = ?"
_COLUMNS = (
    "order_id, symbol, side, order_type, price, amount, status, created_at, filled_at,"
    " prediction_id, confidence, fees, slippage_bps, pnl, exit_reason, is_exit, position_id,"
    " bot_id, mode, connector, sequence, exact_price, exact_amount, exact_fees, exact_pnl,"
    " signal_slippage_bps, holding_s"
)
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_UPSERT_TRADE = (
    f"INSERT INTO hummingbot_trades ({_COLUMNS})"  # noqa: S608 (column names are constants)
    f" VALUES ({', '.join(':' + name for name in _NAMES)})"
    " ON CONFLICT (bot_id, order_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _NAMES)
    + " WHERE excluded.sequence > hummingbot_trades.sequence"
)


class OrderStatus(StrEnum):
    """Where an order stands."""

    OPEN = "OPEN"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class TradeEvent:
    """The whole state of one order, as the bot reports it; a greater `sequence` is newer.

    Money in quote currency, `amount` in base units, both exact; times are tz-aware UTC.
    """

    event_id: str
    sequence: int
    bot_id: str
    position_id: str
    order_id: str
    is_exit: bool
    symbol: str
    side: str
    order_type: str
    status: OrderStatus
    created_at: datetime
    mode: str
    connector: str
    price: Decimal | None = None
    amount: Decimal | None = None
    filled_at: datetime | None = None
    signal_id: int | None = None
    confidence: float | None = None
    fee_quote: Decimal | None = None
    slippage_bps: Decimal | None = None
    pnl_quote: Decimal | None = None
    exit_reason: str | None = None
    signal_slippage_bps: Decimal | None = None
    holding_s: Decimal | None = None


def record_trade_events(journal: Journal, events: Sequence[TradeEvent], now: datetime) -> None:
    """Store all events or none; one that was stored before changes nothing.

    An order's row takes the event with the greatest sequence, in whatever order they come.
    """
    with journal.transaction():
        days = {day for event in events for day in _record(journal, event, now)}
        refresh_days(journal, days)


def _record(journal: Journal, event: TradeEvent, now: datetime) -> Iterable[date]:
    """Store one event; return the days whose rows it may have changed."""
    payload = json.dumps(asdict(event), default=str, sort_keys=True)
    identity = (event.bot_id, event.event_id, event.sequence, event.order_id)
    if journal.execute(_INSERT_EVENT, (*identity, to_text(now), payload)) is None:
        return ()
    before = journal.query(_ORDER_DAY, (event.bot_id, event.order_id))
    if journal.execute(_UPSERT_TRADE, _trade_row(event)) is None:
        return ()
    after = journal.query(_POSITION_DAYS, (event.bot_id, event.position_id))
    return {date.fromisoformat(row["day"]) for row in (*before, *after)}


def _trade_row(event: TradeEvent) -> dict[str, Any]:
    return {
        "order_id": event.order_id,
        "symbol": event.symbol,
        "side": event.side,
        "order_type": event.order_type,
        "price": _real(event.price),
        "amount": _real(event.amount),
        "status": event.status.value,
        "created_at": to_text(event.created_at),
        "filled_at": None if event.filled_at is None else to_text(event.filled_at),
        "prediction_id": event.signal_id,
        "confidence": event.confidence,
        "fees": _real(event.fee_quote),
        "slippage_bps": _real(event.slippage_bps),
        "pnl": _real(event.pnl_quote),
        "exit_reason": event.exit_reason,
        "is_exit": int(event.is_exit),
        "position_id": event.position_id,
        "bot_id": event.bot_id,
        "mode": event.mode,
        "connector": event.connector,
        "sequence": event.sequence,
        "exact_price": _exact(event.price),
        "exact_amount": _exact(event.amount),
        "exact_fees": _exact(event.fee_quote),
        "exact_pnl": _exact(event.pnl_quote),
        "signal_slippage_bps": _real(event.signal_slippage_bps),
        "holding_s": _real(event.holding_s),
    }


def _real(value: Decimal | None) -> float | None:
    """Convert money for the columns that are read by eye; the exact decimal stands beside."""
    return None if value is None else float(value)


def _exact(value: Decimal | None) -> str | None:
    return None if value is None else written(value)
