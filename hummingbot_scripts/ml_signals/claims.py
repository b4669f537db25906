"""What the journal says a position is, and what the exchange says of its orders. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from .kraken.account import AccountSnapshot, RemoteOrder, RemoteTrade
from .trades import ZERO, Fill, Order, OrderRole, OrderSide, OrderStatus, Position, total

ENDED = frozenset({OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.FAILED})

MARGIN = timedelta(minutes=10)
"""How far a look back goes beyond the first open question: clocks may differ by so much."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An unfinished position of the journal with its orders as sent, and their known fills."""

    position: Position
    orders: tuple[Order, ...] = ()
    fills: Mapping[str, tuple[Fill, ...]] = field(default_factory=dict)

    def fills_of(self, order: Order) -> tuple[Fill, ...]:
        """Return the fills of an order that the journal has."""
        return self.fills.get(order.order_id, ())


@dataclass(frozen=True, slots=True)
class Leg:
    """One order of a position, as the journal and the exchange together know it.

    `remotes` are the exchange's orders that bear its number, oldest first: one as a rule, none
    if it never arrived, two if somebody between doubled it. Then both are the position's.
    """

    order: Order
    fills: tuple[Fill, ...]
    remotes: tuple[RemoteOrder, ...] = ()

    @property
    def live(self) -> tuple[RemoteOrder, ...]:
        """Those that can still fill."""
        return tuple(remote for remote in self.remotes if remote.live)

    @property
    def filled(self) -> Decimal:
        """The base amount of the known fills."""
        return total(self.fills).amount

    @property
    def unseen(self) -> Decimal:
        """The base amount that the exchange executed and no known fill explains."""
        return sum((remote.filled for remote in self.remotes), ZERO) - self.filled

    @property
    def status(self) -> OrderStatus:
        """Where it stands by the exchange's word; what the journal says without one."""
        if not self.remotes:
            return self.order.status
        if self.live:
            return OrderStatus.PARTIALLY_FILLED if self.fills else OrderStatus.OPEN
        whole = any(remote.status == "closed" for remote in self.remotes)
        return OrderStatus.FILLED if whole else OrderStatus.CANCELED

    @property
    def txid(self) -> str | None:
        """The exchange's id, of the oldest if there are several."""
        if self.order.txid is not None or not self.remotes:
            return self.order.txid
        return self.remotes[0].txid

    @property
    def now(self) -> Order:
        """The order with what is known of it now."""
        return replace(self.order, status=self.status, txid=self.txid)


def look_back(claims: Iterable[Claim], now: datetime) -> datetime:
    """Return since when the exchange must be asked so that no open question stays open."""
    asked = [
        order.created_at
        for claim in claims
        for order in claim.orders
        if not is_settled(order, claim.fills_of(order))
    ]
    return min([*asked, now]) - MARGIN


def is_settled(order: Order, fills: Sequence[Fill]) -> bool:
    """Whether an order has ended and `fills` are all that it will ever have.

    The end of a cancelled order is journaled only after its fills.
    """
    if order.status is OrderStatus.FILLED:
        return total(fills).amount >= order.amount
    return order.status in ENDED


def legs_of(claim: Claim, snapshot: AccountSnapshot) -> tuple[Leg, ...]:
    """Join each order of a position with what the exchange knows of it."""
    trades = _by_txid(snapshot.trades)
    return tuple(_leg(order, claim.fills_of(order), snapshot, trades) for order in claim.orders)


def _leg(
    order: Order,
    known: tuple[Fill, ...],
    snapshot: AccountSnapshot,
    trades: Mapping[str, Sequence[RemoteTrade]],
) -> Leg:
    remotes = sorted(
        (remote for remote in snapshot.orders if bears_number_of(remote, order)),
        key=lambda remote: remote.opened_at,
    )
    txids = {remote.txid for remote in remotes} | ({order.txid} if order.txid else set())
    seen = {fill.trade_id for fill in known}
    fresh = (
        _fill(order, trade)
        for txid in sorted(txids)
        for trade in trades.get(txid, ())
        if trade.trade_id not in seen and _same_way(trade, order)
    )
    return Leg(order, (*known, *sorted(fresh, key=lambda fill: fill.filled_at)), tuple(remotes))


def bears_number_of(remote: RemoteOrder, order: Order) -> bool:
    """Whether an order at the exchange is this one, by its id there or by the bot's number.

    A number on another pair or on the other side is somebody else's by chance.
    """
    numbered = remote.userref is not None and remote.userref == order.userref
    return (remote.txid == order.txid or numbered) and _same_way(remote, order)


def _same_way(remote: RemoteOrder | RemoteTrade, order: Order) -> bool:
    return remote.symbol == order.symbol and remote.side is order.side


def _by_txid(trades: Iterable[RemoteTrade]) -> dict[str, list[RemoteTrade]]:
    found: dict[str, list[RemoteTrade]] = {}
    for trade in trades:
        found.setdefault(trade.txid, []).append(trade)
    return found


def _fill(order: Order, trade: RemoteTrade) -> Fill:
    return Fill(
        order_id=order.order_id,
        trade_id=trade.trade_id,
        price=trade.price,
        amount=trade.amount,
        fee_quote=trade.fee_quote,
        filled_at=trade.at,
        cost_quote=trade.cost,
    )


def bought(legs: Iterable[Leg]) -> Decimal:
    """Return the base amount that the entries bought."""
    return sum((leg.filled for leg in legs if leg.order.role is OrderRole.ENTRY), ZERO)


def sold(legs: Iterable[Leg]) -> Decimal:
    """Return the base amount that exits and protective stops sold."""
    return sum((leg.filled for leg in legs if leg.order.is_exit), ZERO)


def as_listed(leg: Leg) -> Leg:
    """Return an order with the amount and the id that the exchange lists, those of a live one."""
    if not leg.remotes:
        return leg
    amount = sum((remote.amount for remote in leg.remotes), ZERO)
    txid = leg.live[0].txid if leg.live else leg.txid
    return replace(leg, order=replace(leg.order, amount=amount, txid=txid))


def as_one(legs: Sequence[Leg], amount: Decimal) -> Leg:
    """Return one complete order that stands for all, with fills of `amount` base units at most."""
    fills: list[Fill] = []
    for fill in (fill for leg in legs for fill in leg.fills):
        room = amount - total(fills).amount
        if room > 0:
            fills.append(_cut(fill, room))
    order = replace(legs[0].now, amount=total(fills).amount, status=OrderStatus.FILLED)
    return Leg(order, tuple(fills), ())


def _cut(fill: Fill, room: Decimal) -> Fill:
    if fill.amount <= room:
        return fill
    share = room / fill.amount
    cost = None if fill.cost_quote is None else fill.cost_quote * share
    return replace(fill, amount=room, fee_quote=fill.fee_quote * share, cost_quote=cost)


def sold_by_others(trades: Iterable[RemoteTrade], own: Collection[str], symbol: str) -> Decimal:
    """Return the base amount of a coin's sales that none of the bot's `own` orders (ids) made."""
    return sum(
        (
            trade.amount
            for trade in trades
            if trade.symbol == symbol and trade.side is OrderSide.SELL and trade.txid not in own
        ),
        ZERO,
    )
