"""Conversion between the domain and the gRPC contract, both ways for signals."""

from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.domain import Direction, Signal
from signal_server.journal.control import ControlOrder
from signal_server.journal.orders import BotPosition
from signal_server.journal.trades import TradeEvent
from signal_server.serving.model_health import ModelHealth
from signal_server.serving.ordered import MODES_TO_WIRE as _MODES

_TO_WIRE = {
    Direction.DOWN: pb.DIRECTION_DOWN,
    Direction.FLAT: pb.DIRECTION_FLAT,
    Direction.UP: pb.DIRECTION_UP,
}
_FROM_WIRE = {wire: direction for direction, wire in _TO_WIRE.items()}


def to_timestamp(when: datetime | None) -> Timestamp | None:
    """Convert an instant; None stays None, the absent field."""
    if when is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(when)
    return stamp


def from_timestamp(stamp: Timestamp) -> datetime:
    """Convert to tz-aware UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def signal_to_wire(signal: Signal, bar_seconds: int = 0) -> pb.Signal:
    """Convert a signal, made from bars of `bar_seconds`, to the message that clients get."""
    return pb.Signal(
        id=signal.id,
        model_id=signal.model_id,
        model_version=signal.model_version,
        symbol=signal.symbol,
        bar_close=to_timestamp(signal.bar_close),
        issued_at=to_timestamp(signal.issued_at),
        valid_until=to_timestamp(signal.valid_until),
        horizon_s=signal.horizon_s,
        probability_down=signal.probabilities.get(Direction.DOWN, 0.0),
        probability_flat=signal.probabilities.get(Direction.FLAT, 0.0),
        probability_up=signal.probabilities.get(Direction.UP, 0.0),
        direction=_TO_WIRE[signal.direction],
        confidence=signal.confidence,
        reference_price=signal.reference_price,
        volatility=signal.volatility,
        schema_hash=signal.schema_hash,
        flags=signal.flags,
        bar_received_at=to_timestamp(signal.bar_received_at),
        bar_seconds=bar_seconds,
    )


def direction_from_wire(direction: pb.Direction.ValueType) -> Direction:
    """Convert a direction; raise `KeyError` for one that the contract does not know."""
    return _FROM_WIRE[direction]


def control_to_wire(order: ControlOrder | None) -> pb.Control:
    """Convert what was ordered; nothing yet is revision 0."""
    if order is None:
        return pb.Control()
    return pb.Control(
        revision=order.revision,
        mode=_MODES[order.mode],
        bot_id=order.bot_id,
        who=order.who,
        why=order.why,
        set_at=to_timestamp(order.set_at),
    )


def health_to_wire(health: ModelHealth) -> pb.ModelHealth:
    """Convert how a model does."""
    return pb.ModelHealth(
        model_id=health.model_id,
        model_version=health.model_version,
        known_outcomes=health.known_outcomes,
        accuracy=health.accuracy,
        drift_halt=health.drift.halt,
        drift_reason=health.drift.reason,
    )


def position_to_wire(position: BotPosition) -> pb.Position:
    """Convert a position; money becomes exact text."""
    return pb.Position(
        bot_id=position.bot_id,
        position_id=position.position_id,
        symbol=position.symbol,
        mode=position.mode,
        closed=position.closed,
        amount=_text(position.amount),
        open_amount=_text(position.open_amount),
        entry_price=_text(position.entry_price),
        exit_price=_text(position.exit_price),
        fee_quote=_text(position.fees),
        pnl_quote=_text(position.pnl),
        exit_reason=position.exit_reason or "",
        signal_id=position.signal_id or 0,
        confidence=position.confidence or 0.0,
        entered_at=to_timestamp(position.entered_at),
        exited_at=to_timestamp(position.exited_at),
    )


def trade_to_wire(event: TradeEvent) -> pb.TradeEvent:
    """Convert the newest state of an order to the message that the bot had sent."""
    return pb.TradeEvent(
        event_id=event.event_id,
        sequence=event.sequence,
        bot_id=event.bot_id,
        position_id=event.position_id,
        order_id=event.order_id,
        is_exit=event.is_exit,
        symbol=event.symbol,
        side=event.side,
        order_type=event.order_type,
        status=event.status.value,
        price=_text(event.price),
        amount=_text(event.amount),
        created_at=to_timestamp(event.created_at),
        filled_at=to_timestamp(event.filled_at),
        signal_id=event.signal_id or 0,
        confidence=event.confidence or 0.0,
        fee_quote=_text(event.fee_quote),
        slippage_bps=_text(event.slippage_bps),
        pnl_quote=_text(event.pnl_quote),
        exit_reason=event.exit_reason or "",
        mode=event.mode,
        connector=event.connector,
        signal_slippage_bps=_text(event.signal_slippage_bps),
        holding_s=_text(event.holding_s),
    )


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
