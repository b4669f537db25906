"""The plan of a position as it was when the position was opened, exact to the last digit. Pure."""

import json
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class Plan:
    """What a position was opened with, so that a later run can guard it the same way.

    `amount` in base currency, `entry_price` the book's middle at the decision; `stop_loss`,
    `take_profit`, `trailing_*` and `protective_margin` are shares of the entry price, None where
    there is none; `timestamp` is the executor's start in seconds since 1970.
    """

    amount: Decimal
    entry_price: Decimal
    timestamp: float
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    time_limit_s: int | None = None
    trailing_activation: Decimal | None = None
    trailing_delta: Decimal | None = None
    protective_margin: Decimal | None = None


_WHOLE = {"time_limit_s"}
_FLOATING = {"timestamp"}


def to_json(plan: Plan) -> str:
    """Write a plan; decimals become text, so none loses a digit."""
    return json.dumps(
        {
            name: f"{value:f}" if isinstance(value, Decimal) else value
            for name, value in asdict(plan).items()
        },
        sort_keys=True,
    )


def from_json(written: str) -> Plan:
    """Read what `to_json` wrote; entries that a later version added are passed over.

    Raises `ValueError` or `TypeError` when it is no plan.
    """
    given = json.loads(written)
    known = {item.name for item in fields(Plan)}
    values: dict[str, Any] = {name: _read(name, given[name]) for name in given if name in known}
    return Plan(**values)


def _read(name: str, value: str | float | None) -> Decimal | float | int | None:
    if value is None:
        return None
    if name in _WHOLE:
        return int(value)
    return float(value) if name in _FLOATING else Decimal(value)
