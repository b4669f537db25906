"""After a restart: what became of the journal's positions, by the exchange's word. Pure.

Nothing here buys or sells. An order at the exchange is this bot's by the number that the journal
gave it, or by the exchange's id; no other is ever named. A position is judged only once all is
known of it: until then it is `unsettled`, and the exchange is to be asked again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from .claims import ENDED, Claim, Leg, as_listed, as_one, bought, legs_of, sold
from .endings import ended_by
from .kraken.account import AccountSnapshot, RemoteOrder
from .reconciliation import (
    BALANCE_LAG,
    Adoption,
    Difference,
    DifferenceKind,
    Finished,
    Look,
    OrderState,
    Reconciliation,
    Unsettled,
    join,
)
from .trades import ZERO, Fill, OrderRole, OrderStatus, Position, PositionState

IN_FLIGHT = timedelta(seconds=10)
"""An order that is younger may still arrive: the exchange takes it until its deadline of 5 s."""


def reconcile(claims: Sequence[Claim], snapshot: AccountSnapshot, look: Look) -> Reconciliation:
    """Judge each unfinished position by the account; see `Reconciliation` for what to do.

    A second order with a number of the bot's, on the same pair and side, is the position's too:
    what it bought is guarded, what it sold counts. Coins beyond what the bot bought are not its
    own. Where less is there than the bot bought, only that is guarded, and a person has to look.
    """
    left = dict(snapshot.balances)
    result = Reconciliation()
    for claim in claims:
        if not look.can_judge(claim.position.symbol):
            result = join(result, _not_traded(claim))
            continue
        coin = claim.position.coin
        case = _case(claim, snapshot, look, left.get(coin, ZERO))
        left[coin] = max(left.get(coin, ZERO) - max(case.held, ZERO), ZERO)
        result = join(result, _judge(case))
    return result


def _not_traded(claim: Claim) -> Reconciliation:
    position = claim.position
    words = f"{position.symbol} is not among the symbols of the settings; add it and start again"
    return Reconciliation(unsettled=(Unsettled(position.position_id, position.symbol, words),))


@dataclass(frozen=True, slots=True)
class _Case:
    """One position with its orders; `balance` base units in the account may be its own."""

    claim: Claim
    legs: tuple[Leg, ...]
    look: Look
    balance: Decimal

    @property
    def position(self) -> Position:
        return self.claim.position

    @property
    def coin(self) -> str:
        return self.position.coin

    @property
    def held(self) -> Decimal:
        """What it should hold by its fills."""
        return bought(self.legs) - sold(self.legs) - self.position.written_off

    @property
    def missing(self) -> Decimal:
        """What it should hold and the account does not."""
        return max(self.held - self.balance, ZERO)

    @property
    def min_size(self) -> Decimal:
        return self.look.min_sizes.get(self.position.symbol, ZERO)

    def is_nothing(self, amount: Decimal) -> bool:
        """Whether an amount cannot be sold."""
        return amount <= 0 or amount < self.min_size

    def live(self, role: OrderRole) -> list[RemoteOrder]:
        """Return the orders at the exchange that can still fill."""
        return [remote for leg in self.legs if leg.order.role is role for remote in leg.live]


def _case(claim: Claim, snapshot: AccountSnapshot, look: Look, balance: Decimal) -> _Case:
    legs = tuple(_without_news(leg, look) for leg in legs_of(claim, snapshot))
    return _Case(claim, legs, look, balance)


def _without_news(leg: Leg, look: Look) -> Leg:
    """End an order that the exchange does not list, once it cannot arrive any more."""
    if leg.remotes or leg.order.status in ENDED or _doubt(leg, look):
        return leg
    status = OrderStatus.CANCELED if leg.fills else OrderStatus.FAILED
    return replace(leg, order=replace(leg.order, status=status))


def _judge(case: _Case) -> Reconciliation:
    """Say what is known, then what follows from it once all is known."""
    known = Reconciliation(
        new_fills=_new_fills(case),
        order_states=_order_states(case),
        differences=tuple(_differences(case)),
    )
    doubts = [doubt for leg in case.legs if (doubt := _doubt(leg, case.look))]
    if doubts:
        return join(known, _unsettled(case, "; ".join(doubts)))
    surplus = _surplus(case, case.held)
    if not surplus and case.missing and not case.is_nothing(case.held):
        return join(known, _short(case))
    return join(known, _all_there(case, surplus))


def _all_there(case: _Case, surplus: tuple[str, ...]) -> Reconciliation:
    if surplus:
        return _cancelling(case, surplus)
    if case.is_nothing(case.held) and not any(leg.live for leg in case.legs):
        return Reconciliation(finished=(_finished(case),))
    beyond = case.balance - case.held
    told = case.is_nothing(beyond) or not case.look.is_news(case.position.symbol, beyond)
    more = () if told else (_more(case, beyond),)
    return Reconciliation(adopt=(_adoption(case, case.held),), differences=more)


def _short(case: _Case) -> Reconciliation:
    """Guard what is there, once the balance had time to catch up with the trades."""
    filled = [fill.filled_at for leg in case.legs for fill in leg.fills]
    words = f"the account holds {case.balance:f} {case.coin} instead of {case.held:f}"
    if case.look.now - max([case.look.first_at, *filled]) < BALANCE_LAG:
        return _unsettled(case, words)
    found = Reconciliation(differences=(_sold_elsewhere(case),))
    if surplus := _surplus(case, case.balance):
        return join(found, _cancelling(case, surplus))
    if case.is_nothing(case.balance):
        return join(found, _unsettled(case, words))
    return join(found, Reconciliation(adopt=(_adoption(case, case.balance),)))


def _doubt(leg: Leg, look: Look) -> str | None:
    """Return why an order cannot be judged, None when it can."""
    order = leg.order
    name = f"the {order.role.lower()} order {order.order_id}"
    if leg.unseen > 0:
        return f"{leg.unseen:f} of {name} are executed, but the trades are not listed"
    if leg.remotes or order.status in ENDED or order.userref is None:
        return None
    if order.txid is not None or leg.fills:
        return f"{name} ({order.txid or 'id unknown'}) is not listed by the exchange"
    if order.created_at < look.since:
        return f"{name} was sent before what the exchange was asked about"
    if look.now - order.created_at < IN_FLIGHT:
        return f"{name} may still be on its way"
    return None


def _surplus(case: _Case, room: Decimal) -> tuple[str, ...]:
    """Return the live orders that must go: entries, and sales beyond `room` or one of a kind."""
    extra = [remote.txid for remote in case.live(OrderRole.ENTRY)]
    for role in (OrderRole.EXIT, OrderRole.PROTECTIVE):
        kept = False
        for remote in case.live(role):
            rest = remote.amount - remote.filled
            if kept or rest > room:
                extra.append(remote.txid)
            else:
                kept, room = True, room - rest
    return tuple(extra)


def _new_fills(case: _Case) -> tuple[Fill, ...]:
    return tuple(
        fill
        for leg in case.legs
        for fill in leg.fills
        if fill not in case.claim.fills_of(leg.order)
    )


def _order_states(case: _Case) -> tuple[OrderState, ...]:
    """Return what is new; no order is written as ended before its fills are known."""
    journaled = {order.order_id: order for order in case.claim.orders}
    known = (
        replace(leg.now, status=leg.order.status) if leg.unseen > 0 else leg.now
        for leg in case.legs
    )
    return tuple(
        OrderState(now.order_id, now.status, now.txid)
        for now in known
        if now != journaled[now.order_id]
    )


def _unsettled(case: _Case, words: str) -> Reconciliation:
    position = case.position
    return Reconciliation(unsettled=(Unsettled(position.position_id, position.symbol, words),))


def _cancelling(case: _Case, txids: tuple[str, ...]) -> Reconciliation:
    waiting = _unsettled(case, f"orders of it are being cancelled: {', '.join(txids)}")
    return replace(waiting, cancel=txids)


def _adoption(case: _Case, held: Decimal) -> Adoption:
    reached = [leg for leg in case.legs if leg.fills or leg.live]
    resting = [leg for leg in reached if leg.order.role is OrderRole.PROTECTIVE and leg.live]
    exits = [leg for leg in reached if leg.order.is_exit and leg not in resting]
    bought_by = [leg for leg in reached if not leg.order.is_exit]
    entry = as_one(bought_by, held + sold(case.legs))
    return Adoption(
        position=case.position,
        entry=entry,
        exits=tuple(as_listed(leg) for leg in exits),
        protective=tuple(as_listed(leg) for leg in resting),
        held=held,
    )


def _finished(case: _Case) -> Finished:
    fills = [fill for leg in case.legs for fill in leg.fills]
    at = max((fill.filled_at for fill in fills), default=case.look.now)
    if case.position.written_off and not sold(case.legs):
        return Finished(case.position.position_id, PositionState.GONE, None, at)
    reason = ended_by(case.position, case.legs)
    return Finished(case.position.position_id, PositionState.CLOSED, reason, at)


def _differences(case: _Case) -> Iterator[Difference]:
    if case.held < 0:
        yield _difference(
            case,
            DifferenceKind.OVERSOLD,
            -case.held,
            f"This bot's orders sold {-case.held:f} {case.coin} more than they bought.",
        )
    for leg in case.legs:
        yield from _differences_of(case, leg)


def _differences_of(case: _Case, leg: Leg) -> Iterator[Difference]:
    order, listed = leg.order, f"{leg.order.role.lower()} order {leg.txid}"
    met = [remote.txid for remote in leg.remotes if remote.filled or remote.live]
    if len(met) > 1:
        words = (
            f"{len(met)} orders at the exchange bear the number {order.order_id} "
            f"({', '.join(met)}); they all count as this position's."
        )
        yield _difference(case, DifferenceKind.DOUBLED, leg.filled, words)
    if order.is_exit and order.status not in ENDED and leg.status is OrderStatus.CANCELED:
        rest = order.amount - leg.filled
        words = f"The {listed} was cancelled while the bot was away; {rest:f} were not sold."
        yield _difference(case, DifferenceKind.CANCELED_ELSEWHERE, rest, words)
    unlisted = not leg.remotes and (order.txid is not None or leg.fills)
    if (unlisted or leg.unseen > 0) and case.look.lasting and (doubt := _doubt(leg, case.look)):
        words = f"What became of a position cannot be learned: {doubt}."
        yield _difference(case, DifferenceKind.UNLISTED, order.amount, words)


def _sold_elsewhere(case: _Case) -> Difference:
    words = (
        f"The account holds {case.balance:f} {case.coin}, but the bot bought {case.held:f} that it "
        f"has not sold: {case.missing:f} are missing."
    )
    return _difference(case, DifferenceKind.SOLD_ELSEWHERE, case.missing, words)


def _more(case: _Case, amount: Decimal) -> Difference:
    words = f"The account holds {amount:f} {case.coin} beyond this bot's; they are left alone."
    return _difference(case, DifferenceKind.MORE_THAN_OURS, amount, words)


def _difference(case: _Case, kind: DifferenceKind, amount: Decimal, words: str) -> Difference:
    position = case.position
    return Difference(kind, position.symbol, position.position_id, amount, words)
