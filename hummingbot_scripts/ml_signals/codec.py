"""How records are written into SQLite's columns and read back: decimals and times as text."""

import sqlite3
from datetime import datetime
from decimal import Decimal

from . import plan as plans
from .rules import ExitReason
from .trades import Fill, Order, OrderRole, OrderSide, OrderStatus, Position, PositionState


def text(value: Decimal | datetime) -> str:
    """Write a decimal exactly, or a time as ISO 8601 with its offset."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return f"{value:f}"


def from_text(value: str) -> datetime:
    """Read a tz-aware time."""
    return datetime.fromisoformat(value)


def position_of(row: sqlite3.Row) -> Position:
    """Read one row of `positions`."""
    return Position(
        position_id=row["position_id"],
        symbol=row["symbol"],
        signal_id=row["signal_id"],
        confidence=Decimal(row["confidence"]),
        reference_price=Decimal(row["reference_price"]),
        amount=Decimal(row["amount"]),
        opened_at=from_text(row["opened_at"]),
        state=PositionState(row["state"]),
        closed_at=from_text(row["closed_at"]) if row["closed_at"] else None,
        exit_reason=ExitReason(row["exit_reason"]) if row["exit_reason"] else None,
        plan=plans.from_json(row["plan"]) if row["plan"] else None,
        written_off=Decimal(row["written_off"]),
        trailing_trigger=_decimal(row["trailing_trigger"]),
    )


def order_of(row: sqlite3.Row) -> Order:
    """Read one row of `orders`."""
    return Order(
        order_id=row["order_id"],
        position_id=row["position_id"],
        symbol=row["symbol"],
        side=OrderSide(row["side"]),
        order_type=row["order_type"],
        amount=Decimal(row["amount"]),
        reference_price=_decimal(row["reference_price"]),
        created_at=from_text(row["created_at"]),
        role=OrderRole(row["role"]),
        status=OrderStatus(row["status"]),
        txid=row["txid"],
        trigger=_decimal(row["trigger_price"]),
    )


def fill_of(row: sqlite3.Row) -> Fill:
    """Read one row of `fills`."""
    return Fill(
        order_id=row["order_id"],
        trade_id=row["trade_id"],
        price=Decimal(row["price"]),
        amount=Decimal(row["amount"]),
        fee_quote=Decimal(row["fee_quote"]),
        filled_at=from_text(row["filled_at"]),
        cost_quote=_decimal(row["cost_quote"]),
    )


def _decimal(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
