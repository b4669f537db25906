"""What an account can read of its orders and trades: filters, limits and pages as at Kraken."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from market_sim.faults import FaultName, FaultSwitch
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_intake import Parameters, flag, read
from market_sim.kraken_orders import Order, OrderRefusedError, Trade
from market_sim.kraken_wire import rest_order, rest_trade

PAGE = 50
MOST_ORDERS = 50
MOST_TRADES = 20
_LAG_S = 5.0


class History:
    """Answers OpenOrders, ClosedOrders, QueryOrders, QueryTrades and TradesHistory."""

    def __init__(self, exchange: Exchange, faults: FaultSwitch) -> None:
        self._exchange = exchange
        self._faults = faults

    async def open_orders(self, given: Parameters) -> dict[str, Any]:
        """Return the live orders."""
        open_now = [order for order in self._known().values() if order.live]
        return {"open": self._listed(_named(open_now, given), given)}

    async def closed_orders(self, given: Parameters) -> dict[str, Any]:
        """Return a page of the orders that have ended, the latest first, and how many there are."""
        ended = [order for order in self._known().values() if not order.live]
        found = _named([order for order in ended if self._within(order, given)], given)
        found.sort(key=lambda order: order.closed_at or order.opened_at, reverse=True)
        return {"closed": self._listed(_page(found, given), given), "count": len(found)}

    async def query_orders(self, given: Parameters) -> dict[str, Any]:
        """Return the orders with the ids that are asked for, at most 50."""
        names = _ids(given, MOST_ORDERS)
        known = self._known()
        if any(name not in known for name in names):
            raise OrderRefusedError("EOrder:Unknown order")
        return self._listed(_named([known[name] for name in names], given), given)

    async def query_trades(self, given: Parameters) -> dict[str, Any]:
        """Return the trades with the ids that are asked for, at most 20."""
        trades = {trade.id: trade for trade in self._trades()}
        names = _ids(given, MOST_TRADES)
        if any(name not in trades for name in names):
            raise OrderRefusedError("EOrder:Invalid order")
        return {name: rest_trade(trades[name]) for name in names}

    async def trades_history(self, given: Parameters) -> dict[str, Any]:
        """Return a page of the trades, the latest first, and how many there are."""
        start, end = self._bounds(given)
        found = [t for t in reversed(self._trades()) if start < t.at.timestamp() <= end]
        page = _page(found, given)
        return {"trades": {trade.id: rest_trade(trade) for trade in page}, "count": len(found)}

    def _known(self) -> dict[str, Order]:
        """Return the orders that Kraken's readers know of: a new one may take its time."""
        now = self._exchange.clock()
        return {
            name: order
            for name, order in self._exchange.orders.items()
            if order.fate.listed_from is None or order.fate.listed_from <= now
        }

    def _trades(self) -> list[Trade]:
        """Return the trades that Kraken's readers know of."""
        lag = self._faults.struck(FaultName.KRAKEN_HISTORY_LAG)
        if lag is None:
            return self._exchange.trades
        seconds = _LAG_S if lag.amount is None else lag.amount
        since = self._exchange.clock() - timedelta(seconds=seconds)
        return [trade for trade in self._exchange.trades if trade.at <= since]

    def _listed(self, orders: Iterable[Order], given: Parameters) -> dict[str, Any]:
        listed = {order.id: rest_order(order) for order in orders}
        if flag(given, "trades"):
            for details in listed.values():
                details["trades"] = []
            for trade in self._trades():
                if trade.order_id in listed:
                    listed[trade.order_id]["trades"].append(trade.id)
        return listed

    def _within(self, order: Order, given: Parameters) -> bool:
        start, end = self._bounds(given)
        opened, closed = order.opened_at, order.closed_at or order.opened_at
        which = {"open": (opened,), "close": (closed,)}.get(given.get("closetime", ""))
        return any(start < at.timestamp() <= end for at in which or (opened, closed))

    def _bounds(self, given: Parameters) -> tuple[float, float]:
        """Return the moments between which something must lie: after the first, up to the last."""
        bounds = {"start": "-inf", "end": "inf", **given}
        return read(bounds, "start", self._moment), read(bounds, "end", self._moment)

    def _moment(self, text: str) -> float:
        """Return a timestamp, given as one or as the id of an order or a trade."""
        if text in self._exchange.orders:
            return self._exchange.orders[text].opened_at.timestamp()
        known = (trade.at.timestamp() for trade in self._exchange.trades if trade.id == text)
        found = next(known, None)
        return float(text) if found is None else found


def _named(orders: Sequence[Order], given: Parameters) -> list[Order]:
    """Return those with the client's number or name, if it gives one."""
    userref, name = given.get("userref"), given.get("cl_ord_id")
    return [
        order
        for order in orders
        if (userref is None or str(order.wanted.userref) == userref)
        and (name is None or order.wanted.name == name)
    ]


def _page[T: (Order, Trade)](found: Sequence[T], given: Parameters) -> Sequence[T]:
    first = read({"ofs": "0", **given}, "ofs", int)
    return found[first : first + PAGE]


def _ids(given: Parameters, most: int) -> list[str]:
    names = given.get("txid", "").split(",")
    if len(names) > most:
        raise OrderRefusedError("EGeneral:Invalid arguments:txid")
    return names
