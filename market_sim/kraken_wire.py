"""Orders and trades in the words of Kraken's REST and WebSocket v1 answers."""

from typing import Any

from market_sim.kraken_exchange import Order, Trade


def order_details(order: Order) -> dict[str, Any]:
    """Return an order whole, as OpenOrders, QueryOrders and a new openOrders message have it."""
    price = "0" if order.limit is None else str(order.limit)
    average = order.cost / order.filled if order.filled else order.cost
    return {
        "refid": None,
        "userref": order.userref,
        "status": order.status.value,
        "opentm": order.opened_at.timestamp(),
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": order.pair.altname,
            "type": order.side,
            "ordertype": order.order_type,
            "price": price,
            "price2": "0",
            "leverage": "none",
            "order": f"{order.side} {order.size} {order.pair.altname} @ {order.order_type}",
            "close": "",
        },
        "vol": f"{order.size:.8f}",
        "vol_exec": f"{order.filled:.8f}",
        "cost": f"{order.cost:.5f}",
        "fee": f"{order.fee:.5f}",
        "price": f"{average:.5f}",
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "",
        "oflags": "fciq,post" if order.post_only else "fciq",
    }


def closed_order_details(order: Order) -> dict[str, Any]:
    """Return an ended order with when and why it ended."""
    closed = order.closed_at or order.opened_at
    return order_details(order) | {"closetm": closed.timestamp(), "reason": None}


def order_message(order: Order, change: str) -> dict[str, Any]:
    """Return what the private stream says of an order's change."""
    if change == "new":
        body = order_details(order) | {"status": "pending"}
        # The stream names the pair as its own channels do.
        body["descr"] = body["descr"] | {"pair": order.pair.wsname}
        return body
    if change == "open":
        return {"status": "open", "userref": order.userref}
    executed = {
        "vol_exec": f"{order.filled:.8f}",
        "cost": f"{order.cost:.5f}",
        "fee": f"{order.fee:.5f}",
        "userref": order.userref,
    }
    if change == "fill":
        return executed
    return executed | {"status": order.status.value}


def trade_details(trade: Trade, *, stream: bool) -> dict[str, Any]:
    """Return a fill; the stream names the pair with a slash, REST without."""
    return {
        "ordertxid": trade.order_id,
        "postxid": trade.id.replace("T", "P", 1),
        "pair": trade.pair.wsname if stream else trade.pair.key,
        "time": f"{trade.at.timestamp():.6f}" if stream else trade.at.timestamp(),
        "type": trade.side,
        "ordertype": trade.order_type,
        "price": f"{trade.price:f}",
        "cost": f"{trade.cost:f}",
        "fee": f"{trade.fee:f}",
        "vol": f"{trade.size:.8f}",
        "margin": "0.00000",
        "userref": trade.userref,
    }
