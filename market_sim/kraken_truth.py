"""What really happened at the exchange, to hold a client's own account of it against."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import Order
from market_sim.kraken_wire import rest_order, rest_trade


def orders_of(exchange: Exchange, userref: int) -> list[Order]:
    """Return every order with a client's number, oldest first."""
    return [order for order in exchange.orders.values() if order.wanted.userref == userref]


def doubled_userrefs(exchange: Exchange) -> dict[int, list[Order]]:
    """Return the orders of each number that more than one order bears: one decision sent twice."""
    found: defaultdict[int, list[Order]] = defaultdict(list)
    for order in exchange.orders.values():
        if order.wanted.userref:
            found[order.wanted.userref].append(order)
    return {userref: orders for userref, orders in found.items() if len(orders) > 1}


def positions(exchange: Exchange) -> dict[str, Decimal]:
    """Return what was bought less what was sold of each symbol that was traded, in base units."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in exchange.trades:
        held[trade.pair.symbol] += trade.size if trade.wanted.buy else -trade.size
    return dict(held)


def oversold(exchange: Exchange) -> dict[str, Decimal]:
    """Return by how much more than had been bought before was sold at the worst, by symbol."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    worst: dict[str, Decimal] = {}
    for trade in exchange.trades:
        symbol = trade.pair.symbol
        held[symbol] += trade.size if trade.wanted.buy else -trade.size
        if held[symbol] < 0:
            worst[symbol] = max(worst.get(symbol, Decimal(0)), -held[symbol])
    return worst


def earned(exchange: Exchange) -> Decimal:
    """Return what all trades together have brought in quote currency, after fees."""
    return sum(((-t.cost if t.wanted.buy else t.cost) - t.fee for t in exchange.trades), Decimal(0))


def truth(exchange: Exchange) -> dict[str, Any]:
    """Return everything, ready for JSON, orders and trades in REST's words."""
    return {
        "orders": {order.id: rest_order(order) for order in exchange.orders.values()},
        "trades": {trade.id: rest_trade(trade) for trade in exchange.trades},
        "balances": {asset: str(amount) for asset, amount in exchange.balances.items()},
        "positions": {symbol: str(size) for symbol, size in positions(exchange).items()},
        "oversold": {symbol: str(size) for symbol, size in oversold(exchange).items()},
        "doubled_userrefs": {
            str(userref): [order.id for order in orders]
            for userref, orders in doubled_userrefs(exchange).items()
        },
        "earned": str(earned(exchange)),
    }
