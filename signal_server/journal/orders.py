"""The bots' orders and positions as the trade log holds them, money to the last digit."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, localcontext
from typing import Any

from signal_server.journal.journal import Journal, from_text
from signal_server.journal.trades import OrderStatus, TradeEvent

_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class BotPosition:
    """A position from its entry to its exit; money in quote currency, amounts in base units.

    `pnl` is that of what was sold, net of fees; None before anything was.
    """

    bot_id: str
    position_id: str
    symbol: str
    mode: str
    amount: Decimal
    open_amount: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    fees: Decimal
    pnl: Decimal | None
    exit_reason: str | None
    signal_id: int | None
    confidence: float | None
    entered_at: datetime | None
    exited_at: datetime | None
    closed: bool


def newest_orders(journal: Journal, bot_id: str, symbol: str, limit: int) -> list[TradeEvent]:
    """Return the newest event of each order, newest order first; empty names mean any."""
    rows = journal.query(
        "SELECT e.payload FROM hummingbot_trades t JOIN trade_events e"
        " ON e.bot_id = t.bot_id AND e.order_id = t.order_id AND e.sequence = t.sequence"
        " WHERE (:bot = '' OR t.bot_id = :bot) AND (:symbol = '' OR t.symbol = :symbol)"
        " ORDER BY t.created_at DESC, t.id DESC LIMIT :limit",
        {"bot": bot_id, "symbol": symbol, "limit": limit},
    )
    return [_event(json.loads(row["payload"])) for row in rows]


def newest_positions(
    journal: Journal, bot_id: str, include_closed: bool, limit: int
) -> list[BotPosition]:
    """Return positions that have traded, newest first; an empty `bot_id` means every bot."""
    rows = journal.query(
        "SELECT * FROM hummingbot_trades WHERE :bot = '' OR bot_id = :bot"
        " ORDER BY created_at DESC, id DESC",
        {"bot": bot_id},
    )
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["bot_id"], row["position_id"]), []).append(row)
    positions = (_position(orders) for orders in found.values())
    wanted = (each for each in positions if each.entered_at and (include_closed or not each.closed))
    return [position for position, _ in zip(wanted, range(limit), strict=False)]


def _position(orders: list[dict[str, Any]]) -> BotPosition:
    filled = [order for order in orders if order["filled_at"]]
    entries = [order for order in filled if not order["is_exit"]]
    exits = [order for order in filled if order["is_exit"]]
    bought, sold = _sum(entries, "amount"), _sum(exits, "amount")
    live = any(order["status"] in _LIVE for order in orders)
    first = orders[-1]
    return BotPosition(
        bot_id=first["bot_id"],
        position_id=first["position_id"],
        symbol=first["symbol"],
        mode=first["mode"],
        amount=bought,
        open_amount=bought - sold,
        entry_price=_average(entries),
        exit_price=_average(exits),
        fees=_sum(filled, "fees"),
        pnl=_sum(exits, "pnl") if exits else None,
        exit_reason=next((o["exit_reason"] for o in exits if o["exit_reason"]), None),
        signal_id=first["prediction_id"],
        confidence=first["confidence"],
        entered_at=_moment(min, entries),
        exited_at=_moment(max, exits),
        closed=bool(exits) and not live and bought - sold <= bought * _DUST,
    )


_LIVE = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
_DUST = Decimal("0.05")
"""What is left of a position and cannot be sold is a small part of it."""


def _value(order: dict[str, Any], name: str) -> Decimal:
    exact = order[f"exact_{name}"]
    return Decimal(exact if exact is not None else str(order[name] or 0))


def _sum(orders: Iterable[dict[str, Any]], name: str) -> Decimal:
    with localcontext(_EXACT):
        return sum((_value(order, name) for order in orders), Decimal(0))


def _average(orders: list[dict[str, Any]]) -> Decimal | None:
    amount = _sum(orders, "amount")
    if not amount:
        return None
    return sum((_value(o, "price") * _value(o, "amount") for o in orders), Decimal(0)) / amount


def _moment(pick: Any, orders: list[dict[str, Any]]) -> datetime | None:
    return from_text(pick(order["filled_at"] for order in orders)) if orders else None


_DECIMALS = (
    "price",
    "amount",
    "fee_quote",
    "slippage_bps",
    "pnl_quote",
    "signal_slippage_bps",
    "holding_s",
)


def _event(given: dict[str, Any]) -> TradeEvent:
    for name in _DECIMALS:
        given[name] = None if given.get(name) is None else Decimal(given[name])
    for name in ("created_at", "filled_at"):
        given[name] = None if given[name] is None else datetime.fromisoformat(given[name])
    given["status"] = OrderStatus(given["status"])
    return TradeEvent(**given)
