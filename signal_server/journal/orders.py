"""The bots' orders and positions as the trade log holds them, money to the last digit."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from signal_server.journal.exact import average, read, total
from signal_server.journal.journal import Journal, from_text
from signal_server.journal.trades import OrderStatus, TradeEvent

_DUST = Decimal("0.05")
"""What is left of a position and cannot be sold is a small part of it."""

_WHOSE = "(:bot = '' OR bot_id = :bot) AND (:symbol = '' OR symbol = :symbol)"
_ORDERS = f"""
SELECT e.payload, min(e.rowid) FROM (
    SELECT id, bot_id, order_id, sequence, created_at FROM hummingbot_trades
    WHERE {_WHOSE} ORDER BY created_at DESC, id DESC LIMIT :limit
) t JOIN trade_events e
    ON e.bot_id = t.bot_id AND e.order_id = t.order_id AND e.sequence = t.sequence
GROUP BY t.id ORDER BY t.created_at DESC, t.id DESC
"""  # noqa: S608 (the text is constant)
_POSITIONS = f"""
SELECT t.* FROM hummingbot_trades t JOIN (
    SELECT bot_id, position_id, min(created_at) AS began, max(id) AS last FROM hummingbot_trades
    WHERE {_WHOSE} GROUP BY bot_id, position_id
    HAVING max(CASE WHEN NOT is_exit THEN filled_at END) IS NOT NULL
        AND (:closed OR max(status IN ('OPEN', 'PARTIALLY_FILLED'))
            OR NOT max(is_exit AND status = 'FILLED'))
    ORDER BY began DESC, last DESC LIMIT :limit
) p USING (bot_id, position_id) ORDER BY p.began DESC, p.last DESC, t.created_at, t.id
"""  # noqa: S608 (the text is constant)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows to list, newest first; an empty name means any, a limit of -1 means all."""

    bot_id: str = ""
    symbol: str = ""
    include_closed: bool = True
    limit: int = -1


@dataclass(frozen=True, slots=True)
class BotPosition:
    """A position from its entry to its exit; money in quote currency, amounts in base units.

    `pnl` is that of what was sold, net of fees; None before anything was. `slippage_bps` is the
    mean of the entry plus the mean of the exit, above 0 a cost.
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
    slippage_bps: Decimal | None
    pnl: Decimal | None
    exit_reason: str | None
    signal_id: int | None
    confidence: float | None
    entered_at: datetime
    exited_at: datetime | None
    closed: bool


def newest_orders(journal: Journal, wanted: Wanted) -> list[TradeEvent]:
    """Return the newest event of each order, newest order first."""
    names = {"bot": wanted.bot_id, "symbol": wanted.symbol, "limit": wanted.limit}
    return [_event(json.loads(row["payload"])) for row in journal.query(_ORDERS, names)]


def newest_positions(journal: Journal, wanted: Wanted) -> list[BotPosition]:
    """Return positions whose entry has filled at least in part, newest first.

    A position is closed when none of its orders is live and an exit was filled, or so much was
    sold that only dust can be left.
    """
    rows = journal.query(
        _POSITIONS,
        {
            "bot": wanted.bot_id,
            "symbol": wanted.symbol,
            "closed": wanted.include_closed,
            "limit": wanted.limit if wanted.include_closed else -1,
        },
    )
    orders: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        orders.setdefault((row["bot_id"], row["position_id"]), []).append(row)
    found = (_position(each) for each in orders.values())
    chosen = (each for each in found if wanted.include_closed or not each.closed)
    return list(chosen if wanted.limit < 0 else islice(chosen, wanted.limit))


def _position(orders: list[dict[str, Any]]) -> BotPosition:
    """Sum up the orders of one position, given oldest first."""
    filled = [order for order in orders if order["filled_at"]]
    entries = [order for order in filled if not order["is_exit"]]
    exits = [order for order in filled if order["is_exit"]]
    bought, sold = _sum(entries, "amount"), _sum(exits, "amount")
    first = orders[0]
    return BotPosition(
        bot_id=first["bot_id"],
        position_id=first["position_id"],
        symbol=first["symbol"],
        mode=first["mode"],
        amount=bought,
        open_amount=total((bought, -sold)),
        entry_price=_average(entries, "price"),
        exit_price=_average(exits, "price"),
        fees=_sum(filled, "fees"),
        slippage_bps=_slippage(entries, exits),
        pnl=_sum(exits, "pnl") if exits else None,
        exit_reason=next((o["exit_reason"] for o in reversed(exits) if o["exit_reason"]), None),
        signal_id=first["prediction_id"],
        confidence=first["confidence"],
        entered_at=_moment(min, entries),
        exited_at=_moment(max, exits) if exits else None,
        closed=_is_closed(orders, total((bought, -sold)) <= bought * _DUST),
    )


def _is_closed(orders: list[dict[str, Any]], only_dust: bool) -> bool:
    live = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)
    if any(order["status"] in live for order in orders):
        return False
    return only_dust or any(o["is_exit"] and o["status"] == OrderStatus.FILLED for o in orders)


def _value(order: dict[str, Any], name: str) -> Decimal | None:
    exact = order.get(f"exact_{name}")
    value = order[name] if exact is None else exact
    return None if value is None else read(value)


def _sum(orders: Iterable[dict[str, Any]], name: str) -> Decimal:
    return total(_value(order, name) or Decimal(0) for order in orders)


def _average(orders: list[dict[str, Any]], name: str) -> Decimal | None:
    """Return the mean, weighted by amount, of the orders that have the value."""
    pairs = ((_value(order, name), _value(order, "amount")) for order in orders)
    return average((value, amount) for value, amount in pairs if value is not None and amount)


def _slippage(*sides: list[dict[str, Any]]) -> Decimal | None:
    known = [mean for side in sides if (mean := _average(side, "slippage_bps")) is not None]
    return total(known) if known else None


def _moment(pick: Callable[[Iterable[str]], str], orders: list[dict[str, Any]]) -> datetime:
    return from_text(pick(order["filled_at"] for order in orders))


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
