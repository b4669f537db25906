"""What a client writes in its requests, read as Kraken reads it. Pure."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

from ..trades import OrderSide
from .orders import Kind, RefusedError, Wanted
from .pairs import Pair

Parameters = Mapping[str, str]


def wanted_of(given: Parameters, pair: Pair) -> Wanted:
    """Return the order that AddOrder's arguments ask for; raises `RefusedError`."""
    kind = read(given, "ordertype", Kind)
    if given.get("timeinforce", "GTC") != "GTC":
        raise RefusedError("EGeneral:Invalid arguments:timeinforce")
    return Wanted(
        symbol=pair.symbol,
        side=read(given, "type", lambda text: OrderSide(text.upper())),
        kind=kind,
        size=read(given, "volume", _amount),
        price=None if kind is Kind.MARKET else read(given, "price", _amount),
        userref=read({"userref": "0", **given}, "userref", _reference),
        post_only="post" in given.get("oflags", "").split(","),
    )


def deadline_of(given: Parameters) -> datetime | None:
    """Return until when the order may be taken, None if at any time; raises `RefusedError`."""
    return read(given, "deadline", _moment) if "deadline" in given else None


def ids_of(given: Parameters, most: int) -> list[str]:
    """Return the ids that a query names; raises `RefusedError` when there are too many."""
    ids = [name for name in given.get("txid", "").split(",") if name]
    if not ids or len(ids) > most:
        raise RefusedError("EGeneral:Invalid arguments:txid")
    return ids


def read[T](given: Parameters, name: str, convert: Callable[[str], T]) -> T:
    """Return an argument; raises `RefusedError` when it is missing or makes no sense."""
    try:
        return convert(given[name])
    except (KeyError, ValueError, InvalidOperation):
        raise RefusedError(f"EGeneral:Invalid arguments:{name}") from None


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


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment
