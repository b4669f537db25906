"""Faults that a bar shows by itself, without those around it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.market.quality.vocabulary import BarFault, code_of

RISE = 1.5
FALL = 0.5
"""More than 50% up or down within a bar is not believed at once."""

Bools = NDArray[np.bool_]
Times = NDArray[np.int64]
"""Microseconds since 1970, UTC."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a close may be: whole bar lengths within these limits, in microseconds UTC."""

    bar_us: int
    earliest_us: int
    latest_us: int


def times_of(frame: pd.DataFrame) -> Times:
    """Return the closes of a bar frame."""
    return np.asarray(pd.DatetimeIndex(frame.index).as_unit("us").asi8)


def faults_in(frame: pd.DataFrame, limits: Limits) -> NDArray[np.int8]:
    """Return the code of each row's fault, 0 where there is none; of several the first counts."""
    values = frame.loc[:, list(BAR_COLUMNS)].to_numpy(dtype="float64").T
    codes = np.zeros(len(frame), dtype=np.int8)
    with np.errstate(invalid="ignore", over="ignore"):
        rules = [*_value_rules(values), *_time_rules(times_of(frame), limits)]
    for fault, wrong in reversed(rules):
        if wrong.any():
            codes[wrong] = code_of(fault)
    return codes


def _value_rules(values: NDArray[np.float64]) -> Iterator[tuple[BarFault, Bools]]:
    opened, high, low, close, volume, vwap, count = values
    top, bottom = np.maximum(opened, close), np.minimum(opened, close)
    # A sum is finite only if all its parts are; the few others are looked at one by one.
    unknown = ~np.isfinite(opened + high + low + close + volume)
    if unknown.any():
        unknown = ~np.isfinite(values[:5]).all(axis=0)
    yield BarFault.NOT_FINITE, unknown | np.isinf(vwap) | np.isinf(count)
    lowest = np.minimum(bottom, np.minimum(high, low))
    yield BarFault.NEGATIVE, (lowest < 0) | (volume < 0) | (vwap < 0) | (count < 0)
    yield BarFault.ZERO_PRICE, lowest == 0
    yield BarFault.INCONSISTENT, (high < top) | (low > bottom)
    yield BarFault.SPIKE, (high > top * RISE) | (low < bottom * FALL)


def _time_rules(times: Times, limits: Limits) -> Iterator[tuple[BarFault, Bools]]:
    yield BarFault.MISALIGNED, times % limits.bar_us != 0
    yield BarFault.FUTURE, times > limits.latest_us
    yield BarFault.ANCIENT, times < limits.earliest_us


def fault_of(bar: Bar, time_us: int, limits: Limits) -> BarFault | None:
    """Return what `faults_in` says of one bar, without the cost of a frame."""
    return _fault_of_values(bar) or _fault_of_time(time_us, limits)


def _fault_of_values(bar: Bar) -> BarFault | None:
    needed = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    if not all(map(math.isfinite, needed)) or math.isinf(bar.vwap) or math.isinf(bar.transactions):
        return BarFault.NOT_FINITE
    if min(needed) < 0 or bar.vwap < 0 or bar.transactions < 0:
        return BarFault.NEGATIVE
    if min(needed[:4]) == 0:
        return BarFault.ZERO_PRICE
    top, bottom = max(bar.open, bar.close), min(bar.open, bar.close)
    if bar.high < top or bar.low > bottom:
        return BarFault.INCONSISTENT
    if bar.high > top * RISE or bar.low < bottom * FALL:
        return BarFault.SPIKE
    return None


def _fault_of_time(time_us: int, limits: Limits) -> BarFault | None:
    if time_us % limits.bar_us:
        return BarFault.MISALIGNED
    if time_us > limits.latest_us:
        return BarFault.FUTURE
    return BarFault.ANCIENT if time_us < limits.earliest_us else None
