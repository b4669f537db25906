"""Which files of a symbol cannot be trusted: each is read wholly and every row looked at."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from signal_server.core.domain import PRICE_COLUMNS
from signal_server.core.errors import MarketDataError
from signal_server.market.frames import valid_rows
from signal_server.market.storage.parquet import Columns

_PRICES = frozenset(PRICE_COLUMNS)
MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file that must be fetched again; `month` like 2025-06, None for live bars."""

    path: str
    reason: str
    symbol: str
    month: str | None


def bars_fault(frame: pd.DataFrame, month: str, bar_seconds: int) -> str:
    """Say what is wrong with the bars of a month file, nothing if all is well."""
    steps = np.diff(np.asarray(pd.DatetimeIndex(frame.index).asi8))
    if not (steps > 0).all():
        return "its bars are not in order, once each"
    invalid = int((~valid_rows(frame, bar_seconds)).sum())
    if invalid:
        return f"{invalid} of its rows are no valid bars"
    return month_fault(frame, month)


def revisions_fault(frame: pd.DataFrame, month: str, bar_seconds: int) -> str:
    """Say what is wrong with the revisions of a month, nothing if all is well."""
    invalid = int((~valid_rows(frame, bar_seconds)).sum())
    return f"{invalid} of its rows are no valid bars" if invalid else month_fault(frame, month)


def month_fault(frame: pd.DataFrame, month: str) -> str:
    """Say if rows belong to another month than the file is named after."""
    others = int((months_of(pd.DatetimeIndex(frame.index)) != np.datetime64(month, "M")).sum())
    return f"{others} of its rows belong to another month" if others else ""


def months_of(index: pd.DatetimeIndex) -> npt.NDArray[np.datetime64]:
    """Return the month of each close, UTC."""
    months: npt.NDArray[np.datetime64] = index.as_unit("us").asi8.view("M8[us]").astype("M8[M]")
    return months


def found_fault(read: Callable[[], pd.DataFrame], check: Callable[[pd.DataFrame], str]) -> str:
    """Say why a file cannot be read, or what is wrong with what it holds."""
    try:
        return check(read())
    except MarketDataError as error:
        return f"it cannot be read ({error.__cause__ or error})"


def refuse_other_month(part: Columns, month: str) -> None:
    """Raise `ValueError` if a file's ends are not of the month that it is named after."""
    first, last = part.times[[0, -1]].view("M8[us]").astype("M8[M]")
    if not first == last == np.datetime64(month, "M"):
        raise ValueError("some of its rows belong to another month")


def refuse_implausible(part: Columns) -> None:
    """Raise `ValueError` if what was read cannot be bars; for files that carry no checksum."""
    if not (np.diff(part.times) > 0).all():
        raise ValueError("its bars are not in order, once each")
    values = part.numbers
    fine = all(bool(((values[n] > 0) & (values[n] < np.inf)).all()) for n in _PRICES & {*values})
    if fine and {*values} >= _PRICES:
        opened, close = values["open"], values["close"]
        fine = bool((values["high"] >= np.maximum(opened, close)).all())
        fine = fine and bool((values["low"] <= np.minimum(opened, close)).all())
    if not fine:
        raise ValueError("some of its rows are no bars")
