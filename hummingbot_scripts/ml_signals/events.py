"""The trade event of one order: everything the server's trade log holds about it. Pure."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from .pb.signals_pb2 import TradeEvent
from .trades import Order, OrderStatus, Position, Totals, realised_pnl, slippage_bps


@dataclass(frozen=True, slots=True)
class Sender:
    """Who reports: the bot's id, `paper` or `live`, and its connector's name."""

    bot_id: str
    mode: str
    connector: str


def trade_event(
    sender: Sender, position: Position, order: Order, *, entry: Totals, own: Totals
) -> TradeEvent:
    """Describe `order` whole, without event id and sequence.

    `entry` sums the fills of the position's entry orders, `own` those of this order. Before the
    first fill, amount is as sent and price is the book's middle at that moment; an order that
    is complete while its fills are still unknown counts as open.
    """
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
        price=_written(average or order.reference_price),
        amount=_written(own.amount or order.amount),
        created_at=_stamp(order.created_at),
        filled_at=_stamp(own.filled_at),
        fee_quote=_written(own.fee_quote if own.amount else None),
    )
    if average is not None:
        event.slippage_bps = _written(slippage_bps(order.side, average, order.reference_price), 4)
    if order.is_exit:
        event.exit_reason = position.exit_reason or ""
        event.pnl_quote = _written(realised_pnl(entry, own))
    return event


def _known_status(order: Order, own: Totals) -> OrderStatus:
    unknown = order.status is OrderStatus.FILLED and not own.amount
    return OrderStatus.OPEN if unknown else order.status


def _written(value: Decimal | None, places: int = 12) -> str:
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
