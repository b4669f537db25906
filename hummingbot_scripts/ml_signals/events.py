"""The trade event of one order: everything the server's trade log holds about it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from .pb.signals_pb2 import TradeEvent
from .trades import (
    ZERO,
    Order,
    OrderRole,
    OrderStatus,
    Position,
    Totals,
    holding_s,
    realised_pnl,
    slippage_bps,
)


@dataclass(frozen=True, slots=True)
class Sender:
    """Who reports: the bot's id, `paper` or `live`, and its connector's name."""

    bot_id: str
    mode: str
    connector: str


@dataclass(frozen=True, slots=True)
class OrderTotals:
    """What an order and the position around it have filled so far.

    `entry` sums the fills of the position's entry orders, `own` those of this order;
    `sold_before` base units were sold by earlier exits.
    """

    entry: Totals
    own: Totals
    sold_before: Decimal = ZERO


def trade_event(
    sender: Sender, position: Position, order: Order, totals: OrderTotals
) -> TradeEvent:
    """Describe `order` whole, without event id and sequence.

    Before the first fill, amount is as sent and price is the book's middle at that moment, for a
    protective stop its trigger; an order that is complete while its fills are still unknown counts
    as open.
    """
    own = totals.own
    average = own.average_price
    event = TradeEvent(
        bot_id=sender.bot_id,
        mode=sender.mode,
        connector=sender.connector,
        position_id=position.position_id,
        signal_id=position.signal_id,
        confidence=float(position.confidence),
        order_id=order.order_id,
        is_exit=order.is_exit,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        status=_known_status(order, own),
        price=_written(average or order.trigger or order.reference_price),
        amount=_written(own.amount or order.amount),
        created_at=_stamp(order.created_at),
        filled_at=_stamp(own.filled_at),
        fee_quote=_written(own.fee_quote if own.amount else None),
    )
    if average is not None:
        event.slippage_bps = _written(slippage_bps(order.side, average, _expected(order)), 4)
    if order.is_exit:
        _describe_exit(event, position, totals)
    elif average is not None:
        against_signal = slippage_bps(order.side, average, position.reference_price)
        event.signal_slippage_bps = _written(against_signal, 4)
    return event


def _expected(order: Order) -> Decimal | None:
    return order.trigger if order.role is OrderRole.PROTECTIVE else order.reference_price


def _describe_exit(event: TradeEvent, position: Position, totals: OrderTotals) -> None:
    event.exit_reason = position.exit_reason or ""
    pnl = realised_pnl(totals.entry, totals.own, totals.sold_before)
    event.pnl_quote = _written(pnl)
    event.holding_s = _written(holding_s(totals.entry, totals.own), 6)


def _known_status(order: Order, own: Totals) -> OrderStatus:
    unknown = order.status is OrderStatus.FILLED and not own.amount
    return OrderStatus.OPEN if unknown else order.status


def _written(value: Decimal | None, places: int = 20) -> str:
    if value is None:
        return ""
    rounded = f"{value:.{places}f}"
    return rounded.rstrip("0").rstrip(".") or "0"


def _stamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
