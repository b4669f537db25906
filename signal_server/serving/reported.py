"""Trade events as a bot sends them: checked field by field before anything is stored."""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from hummingbot_scripts.ml_signals.rules import ExitReason
from signal_server.core.errors import UnknownSymbolError
from signal_server.core.symbols import check_symbol
from signal_server.journal.trades import OrderStatus, TradeEvent

MAX_EVENTS = 500
MAX_TEXT = 128
MAX_INTEGER = 2**63 - 1

_TEXT = re.compile(r"[!-~][ -~]*")
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,30})?")
_SIDES = ("BUY", "SELL")
_ORDER_TYPES = ("MARKET", "LIMIT", "LIMIT_MAKER", "STOP_LOSS")
_MODES = ("paper", "live")
_OF_EXITS = ("pnl_quote", "exit_reason", "holding_s")
_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


class InvalidFieldError(ValueError):
    """A field of a request cannot be taken; the text names it and says why."""


def read_events(events: Sequence[pb.TradeEvent]) -> list[TradeEvent]:
    """Convert all events; raise `InvalidFieldError` for the first field that cannot be taken."""
    if len(events) > MAX_EVENTS:
        raise InvalidFieldError(f"events: {len(events)} at once; send {MAX_EVENTS} at most")
    return [_read(_Fields(event, f"events[{number}]")) for number, event in enumerate(events)]


class _Fields:
    """Reads the fields of one message by name."""

    def __init__(self, message: pb.TradeEvent, where: str) -> None:
        self._message = message
        self._where = where

    def refuse(self, name: str, why: str) -> InvalidFieldError:
        return InvalidFieldError(f"{self._where}.{name}: {why}")

    def text(self, name: str) -> str:
        value: str = getattr(self._message, name)
        if not value:
            raise self.refuse(name, "is missing")
        if problem := check_text(value):
            raise self.refuse(name, problem)
        return value

    def choice(self, name: str, allowed: Sequence[str]) -> str:
        value: str = getattr(self._message, name)
        if value not in allowed:
            raise self.refuse(name, f"{shown(value)} is not one of {', '.join(allowed)}")
        return value

    def symbol(self) -> str:
        try:
            return check_symbol(self.text("symbol"))
        except UnknownSymbolError as error:
            raise self.refuse("symbol", str(error)) from error

    def integer(self, name: str, least: int) -> int:
        value: int = getattr(self._message, name)
        if not least <= value <= MAX_INTEGER:
            raise self.refuse(name, f"{value} is not between {least} and {MAX_INTEGER}")
        return value

    def share(self, name: str) -> float:
        value: float = getattr(self._message, name)
        if not (math.isfinite(value) and 0.0 <= value <= 1.0):
            raise self.refuse(name, f"{value} is not between 0 and 1")
        return value

    def decimal(self, name: str) -> Decimal | None:
        value: str = getattr(self._message, name)
        if not value:
            return None
        if not _DECIMAL.fullmatch(value):
            raise self.refuse(name, f"{shown(value)} is not a plain decimal like 123.45")
        return Decimal(value)

    def amount(self, name: str) -> Decimal | None:
        value = self.decimal(name)
        if value is not None and value <= 0:
            raise self.refuse(name, f"{value} is not above 0")
        return value

    def duration(self, name: str) -> Decimal | None:
        value = self.decimal(name)
        if value is not None and value < 0:
            raise self.refuse(name, f"{value} is below 0")
        return value

    def instant(self, name: str) -> datetime | None:
        if not self._message.HasField(name):  # type: ignore[arg-type]
            return None
        stamp: Timestamp = getattr(self._message, name)
        try:
            when = stamp.ToDatetime(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise self.refuse(name, "is no instant") from None
        if not _EARLIEST <= when <= _LATEST:
            raise self.refuse(name, f"{when.isoformat()} cannot be")
        return when

    def required[T](self, name: str, read: Callable[[str], T | None]) -> T:
        value = read(name)
        if value is None:
            raise self.refuse(name, "is missing")
        return value


def _read(fields: _Fields) -> TradeEvent:
    is_exit: bool = fields._message.is_exit
    status = OrderStatus(fields.choice("status", [status.value for status in OrderStatus]))
    event = TradeEvent(
        event_id=fields.text("event_id"),
        sequence=fields.integer("sequence", 1),
        bot_id=fields.text("bot_id"),
        position_id=fields.text("position_id"),
        order_id=fields.text("order_id"),
        is_exit=is_exit,
        symbol=fields.symbol(),
        side=fields.choice("side", _SIDES),
        order_type=fields.choice("order_type", _ORDER_TYPES),
        status=status,
        created_at=fields.required("created_at", fields.instant),
        mode=fields.choice("mode", _MODES),
        connector=fields.text("connector"),
        price=fields.amount("price"),
        amount=fields.amount("amount"),
        filled_at=fields.instant("filled_at"),
        signal_id=fields.integer("signal_id", 0) or None,
        confidence=fields.share("confidence"),
        fee_quote=fields.decimal("fee_quote"),
        slippage_bps=fields.decimal("slippage_bps"),
        pnl_quote=fields.decimal("pnl_quote"),
        exit_reason=fields.choice("exit_reason", ["", *(reason.value for reason in ExitReason)])
        or None,
        signal_slippage_bps=fields.decimal("signal_slippage_bps"),
        holding_s=fields.duration("holding_s"),
    )
    _check_together(fields, event)
    return event


def _check_together(fields: _Fields, event: TradeEvent) -> None:
    """Refuse what no order can be: filled without a fill, an entry with a result."""
    if event.status is OrderStatus.FILLED:
        for name in ("price", "amount", "filled_at"):
            if getattr(event, name) is None:
                raise fields.refuse(name, "is missing in a filled order")
    strangers = ("signal_slippage_bps",) if event.is_exit else _OF_EXITS
    for name in strangers:
        if getattr(event, name) is not None:
            whose = "entries" if event.is_exit else "exits"
            raise fields.refuse(name, f"belongs to {whose} only")


def check_text(value: str) -> str:
    """Say what is wrong with an identifier; empty if nothing is."""
    if len(value) > MAX_TEXT:
        return f"has {len(value)} characters; {MAX_TEXT} are allowed"
    return "" if _TEXT.fullmatch(value) else "holds characters that are not printable ASCII"


def shown(value: str) -> str:
    """Quote what was sent, short and printable."""
    return ascii(value if len(value) <= 40 else value[:40] + "…")
