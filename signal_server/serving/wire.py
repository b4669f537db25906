"""Conversion between the domain and the gRPC contract, both ways for signals."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.domain import Direction, Signal

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


def signal_to_wire(signal: Signal) -> pb.Signal:
    """Convert a signal to the message that clients get."""
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
    )


def direction_from_wire(direction: pb.Direction.ValueType) -> Direction:
    """Convert a direction; raise `KeyError` for one that the contract does not know."""
    return _FROM_WIRE[direction]
