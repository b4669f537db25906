"""The one market that all stand-ins of a run show: bars for Polygon, prices for Kraken.

A market is a table of bars per symbol, one a step. The first `history_bars` lie before
`live_start`; the others happen live, one every `bar_seconds`, at wall-clock speed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]
_PART = 4096
"""How many steps are looked at together."""


@dataclass(frozen=True, slots=True)
class BarTable:
    """Bars of one symbol, shape (steps,); a step without trades is NaN in every column."""

    open: Column
    high: Column
    low: Column
    close: Column
    volume: Column
    transactions: Column

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True)
class SimBar:
    """One bar as vendors send it; `start` is the beginning of its interval, UTC."""

    symbol: str
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: float
    vwap: float
    transactions: int


class SimMarket:
    """A market whose every price is fixed beforehand; asking changes nothing."""

    def __init__(
        self,
        tables: Mapping[str, BarTable],
        *,
        description: str,
        bar_seconds: int,
        live_start: datetime,
        history_bars: int,
    ) -> None:
        self.description = description
        self.bar_seconds = bar_seconds
        self.live_start = live_start
        self.history_bars = history_bars
        self._tables = dict(tables)
        self._first_told: dict[tuple[str, datetime], SimBar] = {}
        self._epoch_s = live_start.timestamp() - history_bars * bar_seconds

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of this market, as `BASE-QUOTE`."""
        return tuple(self._tables)

    @property
    def ends_at(self) -> datetime:
        """When the last bar of the longest table is over."""
        steps = max(len(table) for table in self._tables.values())
        return self.start_of(steps)

    def bars(
        self,
        symbol: str,
        start: datetime,
        end: datetime,
        *,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[SimBar]:
        """Return the bars of `symbol` whose interval begins in [start, end), the first `limit`."""
        first = max(0, int(np.ceil(self._step(start))))
        last = min(len(self._tables[symbol]), int(np.ceil(self._step(end))))
        parts = [range(at, min(at + _PART, last)) for at in range(first, last, _PART)]
        if newest_first:
            parts = [part[::-1] for part in reversed(parts)]
        found = (bar for part in parts for bar in self._part(symbol, part))
        return list(islice(found, limit))

    def _part(self, symbol: str, steps: range) -> Iterator[SimBar]:
        """Yield the bars of some steps, at a fraction of the cost of asking for each."""
        table, first = self._tables[symbol], min(steps)
        where = slice(first, first + len(steps))
        columns = (table.open, table.high, table.low, table.close, table.volume, table.transactions)
        rows = zip(*(column[where][:: steps.step].tolist() for column in columns), strict=True)
        for step, (o, h, lo, c, v, n) in zip(steps, rows, strict=True):
            if c == c:  # NaN is a step without trades
                yield SimBar(
                    symbol, self.start_of(step), o, h, lo, c, v, (o + h + lo + c) / 4, int(n)
                )

    def tell_first(self, bar: SimBar) -> None:
        """Have vendors say `bar` of its interval until `correct`: the market itself stays."""
        self._first_told[bar.symbol, bar.start] = bar

    def correct(self, symbol: str, start: datetime) -> None:
        """Have vendors say from now on what was true of a bar."""
        self._first_told.pop((symbol, start), None)

    def as_told(self, bar: SimBar) -> SimBar:
        """Return what vendors say of a bar now."""
        return self._first_told.get((bar.symbol, bar.start), bar)

    def bar(self, symbol: str, step: int) -> SimBar | None:
        """Return the bar of a step, None if it had no trade or lies outside the table."""
        table = self._tables[symbol]
        if not 0 <= step < len(table) or np.isnan(table.close[step]):
            return None
        o, h, lo, c = (float(x[step]) for x in (table.open, table.high, table.low, table.close))
        return SimBar(
            symbol=symbol,
            start=self.start_of(step),
            open=o,
            high=h,
            low=lo,
            close=c,
            volume=float(table.volume[step]),
            vwap=(o + h + lo + c) / 4,
            transactions=int(table.transactions[step]),
        )

    def unfinished_bar(self, symbol: str, now: datetime) -> SimBar | None:
        """Return the bar under way at `now` as far as it has come, None if it has no trade."""
        step = int(np.floor(self._step(now)))
        whole = self.bar(symbol, step)
        if whole is None:
            return None
        path = _path(whole)
        part = self._step(now) - step
        seen = [price for at, price in path if at <= part] + [self.price_at(symbol, now)]
        high, low = max(seen), min(seen)
        return SimBar(
            symbol=symbol,
            start=whole.start,
            open=whole.open,
            high=high,
            low=low,
            close=seen[-1],
            volume=whole.volume * part,
            vwap=(high + low) / 2,
            transactions=max(1, int(whole.transactions * part)),
        )

    def step_at(self, when: datetime) -> int:
        """Return the number of the step that is under way at `when`."""
        return int(np.floor(self._step(when)))

    def start_of(self, step: int) -> datetime:
        """Return when a step begins, UTC; the one before it ends there."""
        return datetime.fromtimestamp(self._epoch_s + step * self.bar_seconds, UTC)

    def price_at(self, symbol: str, when: datetime) -> float:
        """Return the price at any instant: open, then the extremes, then close, on a line.

        Through steps without a trade, and before or after the table, it stays where it was.
        """
        table = self._tables[symbol]
        position = min(max(self._step(when), 0.0), float(len(table)))
        step = min(int(position), len(table) - 1)
        bar = self.bar(symbol, step)
        if bar is None:
            return self._last_close(symbol, step)
        at, price = zip(*_path(bar), strict=True)
        return float(np.interp(position - step, at, price))

    def script(self, symbol: str, points: Sequence[tuple[float, float]]) -> None:
        """Replace the live part of `symbol`: (seconds after live_start, share of the last price).

        Between the points the price moves on a line; after the last it stays.
        """
        table = self._tables[symbol]
        steps = len(table) - self.history_bars
        base = self._last_close(symbol, self.history_bars - 1)
        seconds, shares = zip(*points, strict=True)
        edges = np.interp(np.arange(steps + 1) * self.bar_seconds, seconds, shares) * base
        live = slice(self.history_bars, None)
        for column, values in (
            (table.open, edges[:-1]),
            (table.close, edges[1:]),
            (table.high, np.maximum(edges[:-1], edges[1:])),
            (table.low, np.minimum(edges[:-1], edges[1:])),
        ):
            column[live] = values
        table.volume[live] = 1.0
        table.transactions[live] = 10.0

    def _last_close(self, symbol: str, step: int) -> float:
        closes = self._tables[symbol].close[: step + 1]
        known = closes[~np.isnan(closes)]
        return float(known[-1]) if len(known) else float(np.nanmin(self._tables[symbol].open))

    def _step(self, when: datetime) -> float:
        # Rounded to a microsecond: a bar's own start must not fall into the step before.
        return round((when.timestamp() - self._epoch_s) / self.bar_seconds, 6)


def _path(bar: SimBar) -> list[tuple[float, float]]:
    """Return (share of the interval, price): a rising bar visits its low first."""
    near, far = (bar.low, bar.high) if bar.close >= bar.open else (bar.high, bar.low)
    return [(0.0, bar.open), (1 / 3, near), (2 / 3, far), (1.0, bar.close)]
