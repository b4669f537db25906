"""Orders, trades and books in the words of Kraken's REST and WebSocket v1 answers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from zlib import crc32

from market_sim.kraken_book import BookState, Level, LevelChange
from market_sim.kraken_orders import (
    NewOrder,
    Order,
    OrderStep,
    OrderType,
    PublicTrade,
    Trade,
)
from market_sim.kraken_pairs import COST_DECIMALS, LOT_DECIMALS, Pair

CHECKSUM_LEVELS = 10
_HOUSE = "TKH2SE-M7IF5-CFI7LT"
"""Who is on the other side of every trade."""


def describe(wanted: NewOrder, pair_name: str, price_decimals: int) -> str:
    """Return an order in one line, as `descr.order` has it."""
    text = f"{wanted.side} {_size(wanted.size)} {pair_name} @ {wanted.order_type}"
    if wanted.order_type is OrderType.STOP_LOSS:
        text = text.replace("stop-loss", "stop loss")
    return text if wanted.price is None else f"{text} {wanted.price:.{price_decimals}f}"


def rest_order(order: Order) -> dict[str, Any]:
    """Return an order as OpenOrders and QueryOrders list it, or ClosedOrders once it has ended."""
    decimals = order.pair.price_decimals
    details: dict[str, Any] = {
        "refid": None,
        **_client_names(order.wanted),
        "status": order.status.value,
        "opentm": order.opened_at.timestamp(),
        "starttm": 0,
        "expiretm": order.wanted.expires_at.timestamp() if order.wanted.expires_at else 0,
        "descr": {
            **_description(order, order.pair.altname, decimals),
            "leverage": "none",
            "close": "",
        },
        **_executed(order, COST_DECIMALS),
        "price": f"{order.average_price:.{decimals}f}",
        **_constants(order, COST_DECIMALS),
        "vol": _size(order.wanted.size),
    }
    del details["avg_price"]
    if order.closed_at is not None:
        details |= {"closetm": order.closed_at.timestamp(), "reason": order.reason}
    if order.triggered:
        details["misc"] = "stopped"
    return details


def stream_order(order: Order, step: OrderStep) -> dict[str, Any]:
    """Return what openOrders says of a step: a new order whole, later only what changes."""
    if step is OrderStep.NEW:
        return stream_order_whole(order)
    userref = _client_names(order.wanted)
    if step is OrderStep.OPEN:
        return {"status": order.status.value} | userref
    executed: dict[str, Any] = _executed(order, order.pair.stream_decimals) | userref
    if step is OrderStep.FILL:
        return executed
    ended: dict[str, Any] = {
        "lastupdated": f"{(order.closed_at or order.opened_at).timestamp():.6f}"
    }
    ended |= {"status": order.status.value} | executed
    return ended | ({} if order.reason is None else {"cancel_reason": order.reason})


def stream_order_whole(order: Order) -> dict[str, Any]:
    """Return an order as the snapshot of openOrders has it, and the message of a new one."""
    decimals = order.pair.stream_decimals
    return {
        **_executed(order, decimals),
        "descr": {
            "close": None,
            "leverage": None,
            **_description(order, order.pair.wsname, decimals),
        },
        "expiretm": None,
        **_constants(order, decimals),
        "opentm": f"{order.opened_at.timestamp():.6f}",
        "refid": None,
        "starttm": None,
        "status": order.status.value,
        "timeinforce": order.wanted.time_in_force.value,
        **_client_names(order.wanted),
        "vol": _size(order.wanted.size),
    }


def rest_trade(trade: Trade) -> dict[str, Any]:
    """Return a fill as TradesHistory and QueryTrades list it."""
    details = _trade(trade, trade.pair.price_decimals, COST_DECIMALS)
    return details | {
        "pair": trade.pair.key,
        "time": trade.at.timestamp(),
        "misc": "",
        "trade_id": int(trade.id[-6:]),
        "maker": trade.maker,
    }


def stream_trade(trade: Trade) -> dict[str, Any]:
    """Return a fill as ownTrades tells it."""
    decimals = trade.pair.stream_decimals
    details = _trade(trade, decimals, decimals)
    details |= {"pair": trade.pair.wsname, "time": f"{trade.at.timestamp():.6f}"}
    # Kraken leaves it out where the client gave none.
    return details | ({"userref": trade.wanted.userref} if trade.wanted.userref else {})


def public_trade(trade: PublicTrade) -> list[str]:
    """Return a row of the public trade channel."""
    price = f"{trade.price:.{trade.pair.stream_decimals}f}"
    kind = "l" if trade.order_type is OrderType.LIMIT else "m"
    return [price, _size(trade.size), f"{trade.at.timestamp():.6f}", trade.side.value[0], kind, ""]


def book_snapshot(pair: Pair, state: BookState, depth: int) -> dict[str, Any]:
    """Return the first message of a book channel."""
    return {
        "as": [_row(pair, level) for level in state.asks[:depth]],
        "bs": [_row(pair, level) for level in state.bids[:depth]],
    }


def book_rows(pair: Pair, changes: Iterable[LevelChange]) -> list[list[str]]:
    """Return the rows of an update; `r` marks a level that came back into the client's depth."""
    return [_row(pair, change.level) + (["r"] if change.again else []) for change in changes]


def checksum(pair: Pair, state: BookState) -> str:
    """Return Kraken's CRC32 over the ten best asks, then the ten best bids."""
    levels = state.asks[:CHECKSUM_LEVELS] + state.bids[:CHECKSUM_LEVELS]
    rows = (_row(pair, level) for level in levels)
    return checksum_of((price, size) for price, size, _ in rows)


def checksum_of(rows: Iterable[tuple[str, str]]) -> str:
    """Return the CRC32 of (price, size) texts: without the point and without leading zeros."""
    text = "".join(part.replace(".", "").lstrip("0") for row in rows for part in row)
    return str(crc32(text.encode()))


def _client_names(wanted: NewOrder) -> dict[str, Any]:
    names: dict[str, Any] = {"userref": wanted.userref}
    return names if wanted.name is None else names | {"cl_ord_id": wanted.name}


def _description(order: Order, pair_name: str, decimals: int) -> dict[str, str]:
    wanted = order.wanted
    return {
        "order": describe(wanted, pair_name, decimals),
        "ordertype": wanted.order_type.value,
        "pair": pair_name,
        "price": f"{wanted.price or 0:.{decimals}f}",
        "price2": f"{0:.{decimals}f}",
        "type": wanted.side.value,
    }


def _executed(order: Order, decimals: int) -> dict[str, str]:
    return {
        "vol_exec": _size(order.filled),
        "cost": f"{order.cost:.{decimals}f}",
        "fee": f"{order.fee:.{decimals}f}",
        "avg_price": f"{order.average_price:.{decimals}f}",
    }


def _constants(order: Order, decimals: int) -> dict[str, str]:
    trigger = order.wanted.trigger
    return {
        "limitprice": f"{0:.{decimals}f}",
        "misc": "",
        "oflags": "fciq,post" if order.wanted.post_only else "fciq",
        "stopprice": f"{trigger or 0:.{decimals}f}",
    }


def _trade(trade: Trade, price_decimals: int, cost_decimals: int) -> dict[str, Any]:
    return {
        "cost": f"{trade.cost:.{cost_decimals}f}",
        "fee": f"{trade.fee:.{cost_decimals}f}",
        "margin": f"{0:.{cost_decimals}f}",
        "ordertxid": trade.order_id,
        "ordertype": trade.wanted.order_type.value,
        "postxid": _HOUSE,
        "price": f"{trade.price:.{price_decimals}f}",
        "type": trade.wanted.side.value,
        "vol": _size(trade.size),
    }


def _row(pair: Pair, level: Level) -> list[str]:
    price = f"{level.price:.{pair.stream_decimals}f}"
    return [price, _size(level.size), f"{level.changed_s:.6f}"]


def _size(size: Decimal) -> str:
    return f"{size:.{LOT_DECIMALS}f}"
