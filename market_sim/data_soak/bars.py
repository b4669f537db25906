"""A hundred coins out of a dozen real files: stretches of real bars; without files, seeded ones."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt

from market_sim.histories import minutes_of, seeded_histories
from market_sim.market import BarTable

_MOST_QUIET = 0.9
_BIGGEST_STEP = 0.4
_TRIES = 200


def soak_tables(
    files: Sequence[Path], symbols: Sequence[str], steps: int, seed: int
) -> dict[str, BarTable]:
    """Return `steps` bars of each symbol, cut at random from the files in turn.

    Minutes without trades stay so. A stretch has no jump that a checker would have to doubt, and
    is not almost empty. Raises `HistoryError` if a file cannot be read.
    """
    if not files:
        return seeded_histories(symbols, seed, steps)
    random = Random(f"soak bars {seed}")  # noqa: S311 - chance in a simulation
    tables = [minutes_of(path) for path in files]
    long_enough = [table for table in tables if len(table) >= steps]
    return {
        symbol: _stretch(long_enough[number % len(long_enough)], steps, random)
        for number, symbol in enumerate(symbols)
    }


def _stretch(table: BarTable, steps: int, random: Random) -> BarTable:
    for first in _starts(len(table) - steps, random):
        if _is_usable(table.close[first : first + steps]):
            columns = {f.name: getattr(table, f.name) for f in fields(table)}
            cut = {name: values[first : first + steps].copy() for name, values in columns.items()}
            return BarTable(**cut)
    raise ValueError("a file has no stretch that is fit for a soak; leave it out")


def _starts(last: int, random: Random) -> Iterator[int]:
    return (random.randint(0, last) for _ in range(_TRIES))


def _is_usable(close: npt.NDArray[np.float64]) -> bool:
    known = close[~np.isnan(close)]
    if len(known) < (1 - _MOST_QUIET) * len(close) or np.isnan(close[0]):
        return False
    return bool(np.all(np.abs(np.diff(np.log(known))) < _BIGGEST_STEP))
