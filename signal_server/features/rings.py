"""The newest values of all symbols, kept so that a new bar costs the same however long they are.

Every symbol counts its own bars: where some have a bar and others none, only the former move on.
`rows` are indices of symbols, `newest` is the number of each symbol's newest bar. A ring of
2**k places holds bar number n in place n modulo 2**k.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from signal_server.features.windows import Array, pieces

Numbers = NDArray[np.int64]

FIRST_NUMBER = 1 << 20
"""The number of the first bar after a fill: the filled ones end a ring of any size."""


class Ring:
    """The last values of one array."""

    def __init__(self, symbols: int, bars: int) -> None:
        """Keep `bars` values of each of so many symbols."""
        self._mask = (1 << (bars - 1).bit_length()) - 1
        self._symbols = np.arange(symbols)
        self._values = np.full((symbols, self._mask + 1), np.nan)

    def fill(self, row: int, values: Array) -> None:
        """Forget the symbol's values and take these, oldest first."""
        _fill_end(self._values[row], values)

    def push(self, rows: Numbers, newest: Numbers, values: Array) -> None:
        """Add one value of each of `rows`."""
        self._values[rows, newest & self._mask] = values

    def before(self, newest: Numbers, bars: int) -> Array:
        """Return each symbol's value `bars` before its newest."""
        found: Array = self._values[self._symbols, (newest - bars) & self._mask]
        return found

    def deviation(self, newest: Numbers, length: int, freedom: int) -> Array:
        """Return the standard deviation of the last `length` values, exactly 0 if all are equal."""
        places = (newest[:, None] - np.arange(length)) & self._mask
        values = self._values[self._symbols[:, None], places]
        away = values - values[:, :1]
        away -= away.mean(axis=1, keepdims=True)
        deviation: Array = np.sqrt((away**2).sum(axis=1) / (length - freedom))
        return deviation


class LadderRings:
    """The windows of several arrays, put together of powers of two as `windows.Ladder` does.

    Of each level k, the windows of 2**k values, a ring of 2**k is kept: the place that the newest
    takes is that of the window which it joins to one of the next level.
    """

    def __init__(
        self, combine: np.ufunc, symbols: int, lengths: Mapping[str, Sequence[int]]
    ) -> None:
        """Keep windows of the `lengths` by array, joined by `combine`."""
        self._combine = combine
        self.names = tuple(sorted(lengths, key=lambda name: -max(lengths[name])))
        self.windows = tuple((name, length) for name in self.names for length in lengths[name])
        tops = [max(lengths[name]).bit_length() for name in self.names]
        counts = [sum(top > level for top in tops) for level in range(tops[0])]
        sizes = [count * symbols << level for level, count in enumerate(counts)]
        self._starts = np.cumsum([0, *sizes])
        self._memory = np.full(self._starts[-1], np.nan)
        self._rings = [
            self._memory[start : start + size].reshape(count, symbols, -1)
            for start, size, count in zip(self._starts, sizes, counts, strict=False)
        ]
        self._alike = _alike([max(lengths[name]) for name in self.names])
        self._plan_reading(symbols)

    def fill(self, row: int, histories: Sequence[Array]) -> None:
        """Forget the symbol's windows and take those of its history, one array for each name."""
        for names, longest in self._alike:
            windows = np.stack([history[-longest:] for history in histories[names]])
            for level, ring in enumerate(self._rings[: longest.bit_length()]):
                _fill_end(ring[names, row], windows)
                half = 1 << level
                older = windows[:, : max(windows.shape[1] - half, 0)]
                windows = self._combine(windows[:, half:], older)

    def push(self, rows: Numbers, newest: Numbers, values: Array) -> None:
        """Add one value of each array (names, rows)."""
        for level, ring in enumerate(self._rings):
            count, symbols, size = ring.shape
            places = (np.arange(count)[:, None] * symbols + rows) << level
            places += self._starts[level] + (newest & (size - 1))
            values = values[:count]
            older = self._memory[places]
            self._memory[places] = values
            values = self._combine(values, older)

    def read(self, newest: Numbers) -> Array:
        """Return all windows (windows, symbols) as they end with each symbol's newest bar."""
        places = (newest - self._offsets) & self._masks
        places += self._bases
        read: Array = self._combine.reduceat(self._memory[places], self._firsts, axis=0)
        return read

    def _plan_reading(self, symbols: int) -> None:
        parts = [
            (self.names.index(name), *part)
            for name, length in self.windows
            for part in self._parts(length)
        ]
        arrays, levels, offsets = (np.array(column)[:, None] for column in zip(*parts, strict=True))
        counts = [len(self._parts(length)) for _, length in self.windows]
        self._firsts = np.cumsum([0, *counts[:-1]])
        self._offsets = offsets
        self._masks = (1 << levels) - 1
        self._bases = self._starts[levels] + ((arrays * symbols + np.arange(symbols)) << levels)

    def _parts(self, length: int) -> list[tuple[int, int]]:
        return list(pieces(length, overlap=self._combine is not np.add))


class Averages:
    """The exponential averages of several arrays."""

    def __init__(self, symbols: int, spans: Sequence[tuple[str, int]]) -> None:
        """Keep an average of each name and span."""
        self.spans = tuple(spans)
        self._weights = np.array([2 / (span + 1) for _, span in spans])[:, None]
        self.values = np.full((len(spans), symbols), np.nan)

    def fill(self, row: int, values: Sequence[float]) -> None:
        """Take the symbol's averages."""
        self.values[:, row] = values

    def push(self, rows: Numbers, values: Array) -> None:
        """Take one value of each average's array (spans, rows); a first one begins it."""
        last = self.values[:, rows]
        moved = last + self._weights * (values - last)
        self.values[:, rows] = np.where(np.isnan(last), values, moved)


def _alike(longest: Sequence[int]) -> list[tuple[slice, int]]:
    """Return which arrays, the longest windows first, have as many levels, and the longest."""
    tops = [length.bit_length() for length in longest]
    firsts = [tops.index(top) for top in dict.fromkeys(tops)]
    ends = [*firsts[1:], len(tops)]
    return [(slice(first, end), longest[first]) for first, end in zip(firsts, ends, strict=True)]


def _fill_end(places: Array, values: Array) -> None:
    size, count = places.shape[-1], values.shape[-1]
    missing = max(size - count, 0)
    places[..., :missing] = np.nan
    places[..., missing:] = values[..., count - size + missing :]
