"""Hold the bot's journal and the server's log against the account's own books. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from market_sim.trials.books import BookedOrder, BookedTrade, Books
from market_sim.trials.evidence import Evidence, LoggedOrder, SaidOrder, SaidPosition

ENDED = frozenset({"FILLED", "CANCELED", "FAILED"})
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Case:
    """What is held against each other; `dust` is the least size of a coin that can be sold."""

    books: Books
    said: Evidence
    opening: Mapping[str, Decimal]
    dust: Mapping[str, Decimal] = field(default_factory=dict)

    def of(self, symbol: str) -> "Case":
        """Return what concerns one coin, without the balances."""
        return replace(self, books=self.books.of(symbol), said=self.said.only(symbol))


def unsafe(case: Case) -> list[str]:
    """Return what must never be true, at no moment: doubled, foreign and oversold orders."""
    return [*_doubled(case), *_strangers(case), *_oversold(case), *_entered_twice(case)]


def unfinished(case: Case) -> list[str]:
    """Return what is still open: live orders, unsold coins, positions, unsent events."""
    return [
        *(f"{order.symbol}: order {order.txid} is still live" for order in _live(case.books)),
        *_unsold(case),
        *(f"{p.symbol}: position is {p.state}" for p in case.said.positions if not p.done),
        *([f"{case.said.waiting} events wait for the server"] if case.said.waiting else []),
    ]


def disagreements(case: Case) -> list[str]:
    """Return where journal, server's log and books differ, to the last digit."""
    return [*_fills(case), *_orders(case), *_money(case), *balance_errors(case), *_log(case)]


def everything(case: Case) -> list[str]:
    """Return all that is wrong with a trial that has ended."""
    return [*unsafe(case), *unfinished(case), *disagreements(case)]


def _live(books: Books) -> list[BookedOrder]:
    return [order for order in books.orders if order.live]


def _doubled(case: Case) -> Iterable[str]:
    counts = Counter(order.userref for order in case.books.orders)
    for userref, count in counts.items():
        if count > 1:
            yield f"order {userref} was sent {count} times"


def _strangers(case: Case) -> Iterable[str]:
    known = {order.order_id for order in case.said.orders}
    for order in case.books.orders:
        if str(order.userref) not in known:
            yield f"{order.symbol}: order {order.txid} is not in the journal"


def _oversold(case: Case) -> Iterable[str]:
    for symbol, amount in case.books.oversold().items():
        yield f"{symbol}: sold {amount} that were not the bot's"


def _entered_twice(case: Case) -> Iterable[str]:
    entries = Counter(
        _position_of(case, order) for order in case.books.orders if order.buy and order.filled
    )
    for position_id, count in entries.items():
        if position_id and count > 1:
            yield f"position {position_id} has {count} filled entries"
    for signal_id, count in Counter(p.signal_id for p in case.said.positions).items():
        if count > 1:
            yield f"signal {signal_id} was acted on {count} times"


def _position_of(case: Case, booked: BookedOrder) -> str:
    name = str(booked.userref)
    return next((o.position_id for o in case.said.orders if o.order_id == name), "")


def _unsold(case: Case) -> Iterable[str]:
    for symbol in sorted({trade.symbol for trade in case.books.trades}):
        held = case.books.held(symbol)
        if held and held >= case.dust.get(symbol, ZERO):
            yield f"{symbol}: {held} are not sold"


def _fills(case: Case) -> Iterable[str]:
    said = {
        fill.trade_id: (order.symbol, fill.price, fill.amount, fill.fee, fill.cost)
        for order in case.said.orders
        for fill in order.fills
    }
    booked = {trade.trade_id: _told(trade) for trade in case.books.trades}
    for trade_id in sorted(said.keys() | booked.keys()):
        if said.get(trade_id) != booked.get(trade_id):
            yield f"trade {trade_id}: booked {booked.get(trade_id)}, journal {said.get(trade_id)}"


def _told(trade: BookedTrade) -> tuple[str, Decimal, Decimal, Decimal, Decimal]:
    return trade.symbol, trade.price, trade.size, trade.fee, trade.cost


def _orders(case: Case) -> Iterable[str]:
    booked = {str(order.userref): order for order in case.books.orders}
    for order in case.said.orders:
        if order.status not in ENDED:
            yield f"{order.symbol}: order {order.order_id} is {order.status} in the journal"
        there = booked.get(order.order_id)
        if there is None:
            continue
        if order.txid != there.txid:
            yield f"order {order.order_id}: txid {there.txid}, journal {order.txid}"
        whole = there.filled == there.size
        if whole is not (order.status == "FILLED"):
            yield f"order {order.order_id}: filled {there.filled} of {there.size}, {order.status}"


def _money(case: Case) -> Iterable[str]:
    for symbol in sorted({trade.symbol for trade in case.books.trades}):
        yield from _profit(case, symbol)


def balance_errors(case: Case) -> list[str]:
    """Return where the balances are not what they were at first and the trades have made them."""
    balances = case.books.balances
    if not balances:
        return []
    should = dict(case.opening)
    for symbol in {trade.symbol for trade in case.books.trades}:
        asset, quote = symbol.split("-")
        should[asset] = should.get(asset, ZERO) + case.books.held(symbol)
        should[quote] = should.get(quote, ZERO) + case.books.earned(symbol)
    return [
        f"{asset}: balance {balances.get(asset)}, should be {amount}"
        for asset, amount in sorted(should.items())
        if balances.get(asset, ZERO) != amount
    ]


def _profit(case: Case, symbol: str) -> Iterable[str]:
    if case.books.held(symbol):
        return  # an unsold rest has a part of the cost, which is no loss yet
    said = sum((p.pnl for p in case.said.of(symbol) if p.pnl is not None), ZERO)
    if said != case.books.earned(symbol):
        yield f"{symbol}: PnL {case.books.earned(symbol)}, the journal says {said}"


def _log(case: Case) -> Iterable[str]:
    logged = {order.order_id: order for order in case.said.logged}
    for order in case.said.orders:
        there = logged.get(order.order_id)
        if there is None:
            yield f"order {order.order_id} is not in the server's log"
        else:
            yield from _logged(order, there)
    for order_id in logged.keys() - {order.order_id for order in case.said.orders}:
        yield f"order {order_id} is in the server's log only"
    for position in case.said.positions:
        yield from _logged_profit(case.said, position)


def _logged(order: SaidOrder, there: LoggedOrder) -> Iterable[str]:
    if order.status != there.status:
        yield f"order {order.order_id}: {order.status}, the server's log says {there.status}"
    if not order.fills:
        return
    fees = sum((fill.fee for fill in order.fills), ZERO)
    if (order.filled, fees) != (there.amount, there.fees):
        yield (
            f"order {order.order_id}: {order.filled} for fees {fees}, the server's log says"
            f" {there.amount} for {there.fees}"
        )


def _logged_profit(said: Evidence, position: SaidPosition) -> Iterable[str]:
    logged = [o for o in said.logged if o.position_id == position.position_id and o.pnl is not None]
    if position.pnl is None and not logged:
        return
    total = sum((order.pnl for order in logged if order.pnl is not None), ZERO)
    if total != position.pnl:
        yield f"{position.symbol}: PnL {position.pnl}, the server's log says {total}"
