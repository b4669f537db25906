"""Paper orders and trades in the words of Kraken's REST and WebSocket v1 answers. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from .orders import Kind, PaperOrder, PaperTrade, Status, Step, StepKind
from .pairs import Pair

OPEN_ORDERS = "openOrders"
OWN_TRADES = "ownTrades"


def rest_order(order: PaperOrder, pair: Pair) -> dict[str, Any]:
    """Return an order as OpenOrders, ClosedOrders and QueryOrders list it."""
    details = {
        "refid": None,
        "userref": order.wanted.userref,
        "status": order.status.value,
        "opentm": order.opened_at.timestamp(),
        "starttm": 0,
        "expiretm": 0,
        "descr": _description(order, pair.altname, pair.price_decimals),
        "vol": f"{order.wanted.size:f}",
        "vol_exec": f"{order.filled:f}",
        "cost": f"{order.cost:f}",
        "fee": f"{order.fee:f}",
        "price": f"{order.average_price:.{pair.price_decimals}f}",
        "stopprice": f"{_trigger(order):f}",
        "limitprice": "0",
        "misc": "stopped" if order.triggered else "",
        "oflags": _flags(order),
    }
    if order.closed_at is not None:
        details |= {"closetm": order.closed_at.timestamp(), "reason": order.reason}
    return details


def rest_trade(trade: PaperTrade, order: PaperOrder, pair: Pair) -> dict[str, Any]:
    """Return a fill as TradesHistory and QueryTrades list it."""
    return _trade(trade, order) | {
        "pair": pair.key,
        "time": trade.at.timestamp(),
        "misc": "",
        "maker": trade.maker,
    }


def rest_balances(balances: Mapping[str, Decimal], pairs: Iterable[Pair]) -> dict[str, str]:
    """Return balances by Kraken's asset names."""
    names: dict[str, str] = {}
    for pair in pairs:
        names |= {pair.base: pair.base_asset, pair.quote: pair.quote_asset}
    return {names.get(asset, asset): f"{amount:f}" for asset, amount in balances.items()}


def describe(order: PaperOrder, name: str, decimals: int) -> str:
    """Return an order in one line, as `descr.order` has it."""
    wanted = order.wanted
    kind = wanted.kind.value.replace("-", " ")
    text = f"{wanted.side.lower()} {wanted.size:.8f} {name} @ {kind}"
    return text if wanted.price is None else f"{text} {wanted.price:.{decimals}f}"


def stream_trade(trade: PaperTrade, order: PaperOrder, pair: Pair) -> dict[str, Any]:
    """Return a fill as ownTrades tells it."""
    details = _trade(trade, order) | {
        "pair": pair.wsname,
        "time": f"{trade.at.timestamp():.6f}",
        "userref": order.wanted.userref,
    }
    return {trade.trade_id: details}


def stream_whole(order: PaperOrder, pair: Pair) -> dict[str, Any]:
    """Return an order as openOrders tells of a new one, and of all at the beginning."""
    details = {
        **_executed(order, pair),
        "descr": _description(order, pair.wsname, pair.stream_decimals),
        "expiretm": None,
        "limitprice": f"{0:.{pair.stream_decimals}f}",
        "misc": "",
        "oflags": _flags(order),
        "opentm": f"{order.opened_at.timestamp():.6f}",
        "refid": None,
        "starttm": None,
        "status": order.status.value,
        "stopprice": f"{_trigger(order):.{pair.stream_decimals}f}",
        "timeinforce": "GTC",
        "userref": order.wanted.userref,
        "vol": f"{order.wanted.size:f}",
    }
    return {order.txid: details}


def stream_step(step: Step, pair: Pair) -> dict[str, Any]:
    """Return what openOrders says of a step: a new order whole, later only what changes."""
    order = step.order
    if step.kind is StepKind.NEW:
        return stream_whole(order, pair)
    details: dict[str, Any] = {"userref": order.wanted.userref}
    if step.kind is not StepKind.FILL:
        details["status"] = order.status.value
    if step.kind is not StepKind.OPEN:
        details |= _executed(order, pair)
    if order.closed_at is not None:
        details["lastupdated"] = f"{order.closed_at.timestamp():.6f}"
        details |= {} if order.status is Status.CLOSED else {"cancel_reason": order.reason}
    return {order.txid: details}


def _description(order: PaperOrder, name: str, decimals: int) -> dict[str, str | None]:
    wanted = order.wanted
    return {
        "pair": name,
        "type": wanted.side.lower(),
        "ordertype": wanted.kind.value,
        "price": f"{wanted.price or 0:.{decimals}f}",
        "price2": f"{0:.{decimals}f}",
        "leverage": "none",
        "order": describe(order, name, decimals),
        "close": "",
    }


def _executed(order: PaperOrder, pair: Pair) -> dict[str, str]:
    decimals = pair.stream_decimals
    return {
        "vol_exec": f"{order.filled:f}",
        "cost": f"{order.cost:.{decimals}f}",
        "fee": f"{order.fee:.{decimals}f}",
        "avg_price": f"{order.average_price:.{decimals}f}",
    }


def _trade(trade: PaperTrade, order: PaperOrder) -> dict[str, Any]:
    wanted = order.wanted
    return {
        "ordertxid": trade.txid,
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "type": wanted.side.lower(),
        "ordertype": wanted.kind.value,
        "price": f"{trade.price:f}",
        "vol": f"{trade.size:f}",
        "cost": f"{trade.cost:f}",
        "fee": f"{trade.fee:f}",
        "margin": "0",
    }


def _trigger(order: PaperOrder) -> Decimal:
    wanted = order.wanted
    return wanted.price or Decimal(0) if wanted.kind is Kind.STOP_LOSS else Decimal(0)


def _flags(order: PaperOrder) -> str:
    return "fciq,post" if order.wanted.post_only else "fciq"
