"""Requests of the trading service other than reports, checked before anything is asked."""

from datetime import datetime

from hummingbot_scripts.ml_signals.pb import signals_pb2 as pb
from signal_server.core.errors import UnknownSymbolError
from signal_server.core.symbols import check_symbol
from signal_server.journal.control import ControlMode, ControlOrder
from signal_server.journal.orders import Wanted
from signal_server.serving.reported import InvalidFieldError, check_text, shown

MAX_WHO = 64
MAX_WHY = 500
DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_MODES = {
    pb.CONTROL_MODE_RUN: ControlMode.RUN,
    pb.CONTROL_MODE_STOP_ENTRIES: ControlMode.STOP_ENTRIES,
    pb.CONTROL_MODE_PAUSE: ControlMode.PAUSE,
    pb.CONTROL_MODE_FLATTEN: ControlMode.FLATTEN,
}
MODES_TO_WIRE = {mode: wire for wire, mode in _MODES.items()}


def read_name(field: str, value: str) -> str:
    """Return a name that may be empty; raise `InvalidFieldError`."""
    if value and (problem := check_text(value)):
        raise InvalidFieldError(f"{field}: {problem}")
    return value


def read_positions(request: pb.ListPositionsRequest) -> Wanted:
    """Return which positions are asked for; raise `InvalidFieldError`."""
    return Wanted(
        bot_id=read_name("bot_id", request.bot_id),
        include_closed=request.include_closed,
        limit=_limit(request.limit),
    )


def read_orders(request: pb.ListTradesRequest) -> Wanted:
    """Return which orders are asked for; raise `InvalidFieldError`."""
    try:
        symbol = check_symbol(request.symbol) if request.symbol else ""
    except UnknownSymbolError:
        raise InvalidFieldError(
            f"symbol: {shown(request.symbol)} is no symbol; write it like BTC-USD"
        ) from None
    bot_id = read_name("bot_id", request.bot_id)
    return Wanted(bot_id=bot_id, symbol=symbol, limit=_limit(request.limit))


def read_control(request: pb.SetControlRequest, now: datetime) -> ControlOrder:
    """Return the order that a request asks for; raise `InvalidFieldError`."""
    mode = _MODES.get(request.mode)
    if mode is None:
        raise InvalidFieldError("mode: say RUN, STOP_ENTRIES, PAUSE or FLATTEN")
    return ControlOrder(
        mode=mode,
        bot_id=read_name("bot_id", request.bot_id),
        who=_said("who", request.who, MAX_WHO),
        why=_said("why", request.why, MAX_WHY),
        set_at=now,
    )


def _limit(value: int) -> int:
    if value > MAX_LIMIT:
        raise InvalidFieldError(f"limit: {value} is above {MAX_LIMIT}")
    return value or DEFAULT_LIMIT


def _said(field: str, value: str, longest: int) -> str:
    text = value.strip()
    if not text:
        raise InvalidFieldError(f"{field}: is missing; it stands in the log")
    if len(text) > longest or not text.isprintable():
        raise InvalidFieldError(f"{field}: write one line of at most {longest} characters")
    return text
