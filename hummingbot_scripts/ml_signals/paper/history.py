"""What an account can read of its past: filters and pages as at Kraken. Pure over the account."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .account import PaperAccount
from .intake import Parameters, ids_of, read
from .orders import PaperOrder, PaperTrade, RefusedError
from .pairs import Pair
from .wire import rest_order, rest_trade

PAGE = 50
MOST_ORDERS = 50
MOST_TRADES = 20


class PaperHistory:
    """Answers Kraken's questions after orders and trades; raises `RefusedError` as it would."""

    def __init__(self, account: PaperAccount, pairs: Mapping[str, Pair]) -> None:
        """Read from `account`; `pairs` by Hummingbot's symbol."""
        self._account = account
        self._pairs = pairs

    def open_orders(self, given: Parameters) -> dict[str, Any]:
        """Return the live orders."""
        return {"open": self._listed(_named(self._account.live_orders, given), given)}

    def closed_orders(self, given: Parameters) -> dict[str, Any]:
        """Return a page of the ended orders, the latest first, and how many there are."""
        start, end = _bounds(given)
        ended = [
            order
            for order in self._account.orders.values()
            if order.closed_at is not None
            and (
                start < order.opened_at.timestamp() <= end
                or start < order.closed_at.timestamp() <= end
            )
        ]
        found = _named(ended, given)
        found.sort(key=lambda order: order.closed_at or order.opened_at, reverse=True)
        return {"closed": self._listed(_page(found, given), given), "count": len(found)}

    def query_orders(self, given: Parameters) -> dict[str, Any]:
        """Return the orders with the ids that are asked for."""
        ids = ids_of(given, MOST_ORDERS)
        if any(txid not in self._account.orders for txid in ids):
            raise RefusedError("EOrder:Unknown order")
        return self._listed([self._account.orders[txid] for txid in ids], given)

    def query_trades(self, given: Parameters) -> dict[str, Any]:
        """Return the trades with the ids that are asked for."""
        ids = ids_of(given, MOST_TRADES)
        if any(name not in self._account.trades for name in ids):
            raise RefusedError("EOrder:Invalid order")
        return self._trades(self._account.trades[name] for name in ids)

    def trades_history(self, given: Parameters) -> dict[str, Any]:
        """Return a page of the trades, the latest first, and how many there are."""
        start, end = _bounds(given)
        trades = reversed(self._account.trades.values())
        found = [trade for trade in trades if start < trade.at.timestamp() <= end]
        return {"trades": self._trades(_page(found, given)), "count": len(found)}

    def _listed(self, orders: Iterable[PaperOrder], given: Parameters) -> dict[str, Any]:
        listed = {o.txid: rest_order(o, self._pairs[o.wanted.symbol]) for o in orders}
        if given.get("trades", "false").lower() == "true":
            for txid, details in listed.items():
                details["trades"] = [t.trade_id for t in self._account.trades_of(txid)]
        return listed

    def _trades(self, trades: Iterable[PaperTrade]) -> dict[str, Any]:
        answer = {}
        for trade in trades:
            order = self._account.orders[trade.txid]
            answer[trade.trade_id] = rest_trade(trade, order, self._pairs[order.wanted.symbol])
        return answer


def _named(orders: Iterable[PaperOrder], given: Parameters) -> list[PaperOrder]:
    userref = given.get("userref")
    return [o for o in orders if userref is None or str(o.wanted.userref) == str(userref)]


def _page[T](found: Sequence[T], given: Parameters) -> Sequence[T]:
    first = read({"ofs": "0", **given}, "ofs", int)
    return found[first : first + PAGE]


def _bounds(given: Parameters) -> tuple[float, float]:
    bounds = {"start": "-inf", "end": "inf", **given}
    return read(bounds, "start", float), read(bounds, "end", float)
