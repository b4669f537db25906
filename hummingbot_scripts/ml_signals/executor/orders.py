"""Between Hummingbot's in-flight orders and the legs of a position."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate
from hummingbot.core.data_type.trade_fee import AddedToCostTradeFee, TokenAmount
from hummingbot.strategy_v2.models.executors import TrackedOrder

from .config import AdoptedOrder
from .legs import ZERO, Leg, Outcome, Role

NEVER_TRACKED_S = 10.0
"""An order that Hummingbot does not know after so long was never sent: it tracks, then sends."""

_ROUNDING = Decimal("1e-9")


class LegOrder:
    """One order of the position, followed through Hummingbot's order tracker."""

    def __init__(self, role: Role, order_id: str, amount: Decimal, sent_at: float) -> None:
        """Begin to follow an order that was just handed over."""
        self.role = role
        self.tracked = TrackedOrder(order_id=order_id)
        self.amount = amount
        self.sent_at = sent_at
        self.cancel_asked_at: float | None = None
        self.cancel_first_asked_at: float | None = None
        self.why: str | None = None
        self._ended_at: float | None = None
        self._seen: tuple[Any, ...] | None = None
        self._leg = Leg(role, order_id, amount, sent_at)

    @property
    def order_id(self) -> str:
        """The bot's own id of the order."""
        return str(self.tracked.order_id)

    @property
    def order(self) -> Any:
        """Hummingbot's in-flight order, None while it has none."""
        return self.tracked.order

    @property
    def leg(self) -> Leg:
        """What was known of the order at the last `look`."""
        return self._leg

    def look(self, connector: Any, now: float) -> Leg:
        """Read the order anew; quick when nothing has changed."""
        if self.tracked.order is None:
            self.tracked.order = find_order(connector, self.order_id)
        seen = (*_marks(self.tracked.order), self.cancel_asked_at, self.why)
        if seen != self._seen or self.tracked.order is None:
            self._seen = seen
            self._leg = self._read(now)
        return self._leg

    def _read(self, now: float) -> Leg:
        order = self.tracked.order
        outcome = _outcome(order, self.sent_at, now)
        filled, quote = _filled(order)
        leg = Leg(
            role=self.role,
            order_id=self.order_id,
            amount=self.amount if order is None else order.amount,
            sent_at=self.sent_at,
            outcome=outcome,
            filled=filled,
            quote=quote,
            fee_quote=order.cumulative_fee_paid(order.quote_asset) if filled else ZERO,
            cancel_asked_at=self.cancel_asked_at,
            cancel_first_asked_at=self.cancel_first_asked_at,
            why=self.why,
        )
        if not leg.settled:
            return leg
        self._ended_at = now if self._ended_at is None else self._ended_at
        return replace(leg, ended_at=self._ended_at)


def find_order(connector: Any, order_id: str) -> Any:
    """Return an order from Hummingbot's tracker, a lost one too; None when it has none."""
    tracker = connector._order_tracker
    found = tracker.fetch_order(client_order_id=order_id)
    if found is None and hasattr(tracker, "fetch_lost_order"):
        found = tracker.fetch_lost_order(client_order_id=order_id)
    return found


def _marks(order: Any) -> tuple[Any, ...]:
    if order is None:
        return ()
    return (order.current_state, order.exchange_order_id, len(order.order_fills))


def _outcome(order: Any, sent_at: float, now: float) -> Outcome:
    if order is None:
        return Outcome.REFUSED if now - sent_at >= NEVER_TRACKED_S else Outcome.SENT
    complete = order.executed_amount_base >= order.amount - _ROUNDING
    if order.current_state is OrderState.FAILED:
        return Outcome.DONE if order.order_fills else Outcome.REFUSED
    if complete or order.current_state is OrderState.CANCELED:
        return Outcome.DONE
    if order.current_state is OrderState.FILLED:
        return Outcome.UNSETTLED
    return Outcome.SENT if order.exchange_order_id is None else Outcome.LIVE


def _filled(order: Any) -> tuple[Decimal, Decimal]:
    """Return base and quote; a fee taken in base is not held, and its cost is a fee."""
    if order is None or not order.order_fills:
        return ZERO, ZERO
    fills = list(order.order_fills.values())
    base = sum((fill.fill_base_amount for fill in fills), ZERO)
    quote = sum((fill.fill_quote_amount for fill in fills), ZERO)
    if order.trade_type is TradeType.BUY and fills[0].fee_asset == order.base_asset:
        kept = base - order.cumulative_fee_paid(order.base_asset)
        return kept, quote * kept / base
    return base, quote


def resumed(connector: Any, symbol: str, role: Role, given: AdoptedOrder) -> LegOrder:
    """Follow an order of an earlier run again; a live one gets news as if this run had sent it."""
    leg = LegOrder(role, given.order_id, given.amount, given.created_at.timestamp())
    known = find_order(connector, given.order_id)
    leg.tracked.order = known or _track(connector, _in_flight(symbol, role, given))
    return leg


def _track(connector: Any, order: InFlightOrder) -> InFlightOrder:
    if hasattr(connector, "resume_order"):
        return connector.resume_order(order)
    if order.is_open:
        connector._order_tracker.start_tracking_order(order)
    return order


def _in_flight(symbol: str, role: Role, given: AdoptedOrder) -> InFlightOrder:
    order = InFlightOrder(
        client_order_id=given.order_id,
        exchange_order_id=given.txid or None,
        trading_pair=symbol,
        order_type=given.order_type,
        trade_type=TradeType.BUY if role is Role.ENTRY else TradeType.SELL,
        amount=given.amount,
        price=given.trigger,
        creation_timestamp=given.created_at.timestamp(),
        initial_state=OrderState.OPEN,
    )
    for fill in given.fills:
        order.update_with_trade_update(_update(fill, order))
    if not given.live:
        whole = order.executed_amount_base >= order.amount - _ROUNDING
        order.current_state = OrderState.FILLED if whole else OrderState.CANCELED
    return order


def _update(fill: Any, order: InFlightOrder) -> TradeUpdate:
    fee = TokenAmount(token=order.quote_asset, amount=fill.fee_quote)
    return TradeUpdate(
        trade_id=fill.trade_id,
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        trading_pair=order.trading_pair,
        fill_timestamp=fill.filled_at.timestamp(),
        fill_price=fill.price,
        fill_base_amount=fill.amount,
        fill_quote_amount=fill.quote,
        fee=AddedToCostTradeFee(flat_fees=[fee]),
    )
