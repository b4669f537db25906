"""What clients write in their requests, read as Kraken reads it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from market_sim.kraken_orders import NewOrder, OrderRefusedError, OrderType, Side, TimeInForce
from market_sim.kraken_pairs import Pair

Parameters = Mapping[str, str]
_LONGEST_DEADLINE = timedelta(seconds=60)
_LONGEST_NAME = 36


def read[T](given: Parameters, name: str, convert: Callable[[str], T]) -> T:
    """Return an argument; raise `OrderRefusedError` if it is missing or makes no sense."""
    try:
        return convert(given[name])
    except (KeyError, ValueError, InvalidOperation):
        raise OrderRefusedError(f"EGeneral:Invalid arguments:{name}") from None


def flag(given: Parameters, name: str) -> bool:
    """Tell whether a switch is given and on."""
    return given.get(name, "false").lower() in {"true", "1"}


def new_order(given: Parameters, pair: Pair, now: datetime) -> NewOrder:
    """Return the order that AddOrder's arguments ask for; raise `OrderRefusedError` if none."""
    kind = read(given, "ordertype", OrderType)
    if "userref" in given and "cl_ord_id" in given:
        raise OrderRefusedError("EGeneral:Invalid arguments:cl_ord_id")
    lasting = read({"timeinforce": "GTC", **given}, "timeinforce", TimeInForce)
    expires = given.get("expiretm", "0") != "0"
    if lasting is TimeInForce.GTD and not expires:
        raise OrderRefusedError("EGeneral:Invalid arguments:expiretm")
    return NewOrder(
        pair=pair,
        side=read(given, "type", Side),
        order_type=kind,
        size=read(given, "volume", _amount),
        limit=read(given, "price", _amount) if kind is OrderType.LIMIT else None,
        userref=read({"userref": "0", **given}, "userref", _reference),
        post_only="post" in given.get("oflags", "").split(","),
        trigger=read(given, "price", _amount) if kind is OrderType.STOP_LOSS else None,
        name=read(given, "cl_ord_id", _name) if "cl_ord_id" in given else None,
        time_in_force=lasting,
        expires_at=read(given, "expiretm", lambda t: _moment(t, now)) if expires else None,
    )


def deadline(given: Parameters, now: datetime) -> datetime | None:
    """Return until when the engine may take an order, None if it may at any time."""
    if "deadline" not in given:
        return None
    latest = read(given, "deadline", datetime.fromisoformat)
    if latest.tzinfo is None or latest > now + _LONGEST_DEADLINE:
        raise OrderRefusedError("EGeneral:Invalid arguments:deadline")
    return latest


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or amount <= 0:
        raise ValueError(text)
    return amount


def _reference(text: str) -> int:
    reference = int(text)
    if not -(2**31) <= reference < 2**31:
        raise ValueError(text)
    return reference


def _name(text: str) -> str:
    if not 0 < len(text) <= _LONGEST_NAME:
        raise ValueError(text)
    return text


def _moment(text: str, now: datetime) -> datetime:
    if text.startswith("+"):
        return now + timedelta(seconds=int(text))
    return datetime.fromtimestamp(int(text), UTC)
