"""Whether features look ahead, or remember more than they say."""

from collections import defaultdict
from itertools import cycle, product
from math import gcd

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.audit.comparison import Differences, spread
from signal_server.audit.future import FUTURES, until, with_future
from signal_server.audit.markets import Market
from signal_server.audit.subject import Frames, Subject

CUTS = 3
WARM_UP_ENDS = 10
ODD_MINUTE = 37
"""Cuts are made at such minutes of the hour, inside every candle of 5, 15 and 60 minutes."""

MOMENTS = 60
"""As many as an hour has minutes, a step apart that meets each of them."""

LATER_BARS = 1_440
SPARE_BARS = 1_000
"""Beside the warm-up, for bars that a leader lacks."""

_SECOND_NS = 1_000_000_000


def prefix_invariance(subject: Subject, market: Market) -> tuple[str, ...]:
    """Compute features again with all later bars cut off, own and leaders', at six moments.

    All rows before the cut must stay as they are, to 1e-9.
    """
    found = Differences()
    for symbol in market.bars:
        whole = subject.features(symbol, market.bars)
        unit = spread(whole.to_numpy(np.float64))
        for cut in cuts(subject, market.bars, symbol):
            again = subject.features(symbol, until(market.bars, cut))
            when = f"when the bars after {cut:%Y-%m-%d %H:%M:%S} are cut off"
            found.compare(f"{symbol} in {market.name}", (whole.loc[:cut], again), unit, when)
    return found.findings


def every_hour(subject: Subject, market: Market) -> tuple[str, ...]:
    """Cut the bars off at sixty moments, spread over the symbols, and compute the newest row.

    It must be what it is beside a day of later bars, to 1e-9. The moments meet every minute of the
    hour, and with a month of minutes every hour of the day and day of the week. Both begin with the
    same bar, so that a warm-up which is too short is no look ahead.
    """
    found = Differences()
    history = subject.warmup(subject.names) + SPARE_BARS
    moments = zip(range(MOMENTS), cycle(market.bars.items()), strict=False)
    for number, (symbol, frame) in moments:
        closes = pd.DatetimeIndex(frame.index)
        at = _moment(closes[history:-1], number, subject.bar_seconds) + history
        begin, cut, end = closes[[at - history, at, min(at + LATER_BARS, len(closes) - 1)]]
        whole = subject.features(symbol, _between(market.bars, begin, end))
        again = subject.features(symbol, _between(market.bars, begin, cut)).iloc[-1:]
        unit = spread(whole.to_numpy(np.float64))
        when = f"when the bars after {cut:%Y-%m-%d %H:%M:%S} are cut off"
        found.compare(f"{symbol} in {market.name}", (whole.loc[[cut]], again), unit, when)
    return found.findings


def future_shuffle(subject: Subject, market: Market) -> tuple[str, ...]:
    """Compute features again with later bars of all symbols tripled, fallen and scrambled.

    All rows before the cut must stay as they are, to 1e-9.
    """
    found = Differences()
    for symbol in market.bars:
        whole = subject.features(symbol, market.bars)
        unit = spread(whole.to_numpy(np.float64))
        for cut, (name, future) in product(
            cuts(subject, market.bars, symbol)[::3], FUTURES.items()
        ):
            again = subject.features(symbol, with_future(market.bars, cut, future)).loc[:cut]
            when = f"when the market after {cut:%Y-%m-%d %H:%M:%S} is {name}"
            found.compare(f"{symbol} in {market.name}", (whole.loc[:cut], again), unit, when)
    return found.findings


def warm_up(subject: Subject, market: Market) -> tuple[str, ...]:
    """Compute each feature's newest row from its declared warm-up alone, at ten places a symbol.

    It must be what all history gives, to 1e-9. Leaders' bars are cut to the warm-up too.
    """
    found = Differences()
    for symbol, frame in market.bars.items():
        whole = subject.features(symbol, market.bars)
        for bars, names in _by_warm_up(subject).items():
            columns = whole[list(names)]
            unit = spread(columns.to_numpy(np.float64))
            when = f"from its warm-up of {bars:,} bars alone"
            for end in _ends(len(frame), bars):
                close = frame.index[end - 1]
                row = subject.features(symbol, _newest(market.bars, close, bars), names).iloc[-1:]
                pair = columns.loc[[close]], row
                found.compare(f"{symbol} in {market.name}", pair, unit, when)
    return found.findings


def cuts(subject: Subject, bars: Frames, symbol: str) -> list[pd.Timestamp]:
    """Return moments spread over the bars after the warm-up, where leaks show.

    Half are at odd minutes, half at bars without volume or without a bar of a leader, which a fill
    would take from later. Where there are none, any bar will do.
    """
    frame = bars[symbol]
    begin = min(subject.warmup(subject.names), len(frame) // 2)
    later = frame.iloc[begin:-1]
    closes = pd.DatetimeIndex(later.index)
    minutes = closes.as_unit("ns").asi8 // (subject.bar_seconds * _SECOND_NS) % 60
    awkward = later["volume"].to_numpy() <= 0
    for leader in subject.leaders:
        awkward |= ~closes.isin(bars[leader].index)
    return [*_spread(closes, minutes == ODD_MINUTE), *_spread(closes, awkward)]


def _spread(closes: pd.DatetimeIndex, wanted: NDArray[np.bool_]) -> list[pd.Timestamp]:
    chosen = closes[wanted] if wanted.any() else closes
    places = np.linspace(0, len(chosen) - 1, CUTS + 1, dtype=int)[1:]
    return [chosen[place] for place in places if place >= 0]


def _moment(closes: pd.DatetimeIndex, number: int, bar_seconds: int) -> int:
    """Return the position of one of sixty moments, or of the last bar before it."""
    step = max(int((closes[-1] - closes[0]).total_seconds()) // bar_seconds // MOMENTS, 1)
    while gcd(step, MOMENTS) > 1:
        step -= 1
    moment = closes[0] + pd.Timedelta(seconds=number * step * bar_seconds)
    return int(closes.searchsorted(moment, side="right")) - 1


def _between(bars: Frames, begin: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.DataFrame]:
    return {symbol: frame.loc[begin:end] for symbol, frame in bars.items()}


def _ends(length: int, warm_up_bars: int) -> list[int]:
    first = min(max(warm_up_bars, 1), length)
    return [int(end) for end in np.linspace(first, length, WARM_UP_ENDS)]


def _newest(bars: Frames, close: pd.Timestamp, count: int) -> dict[str, pd.DataFrame]:
    return {symbol: frame.loc[:close].iloc[-count:] for symbol, frame in bars.items()}


def _by_warm_up(subject: Subject) -> dict[int, tuple[str, ...]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for name in subject.names:
        groups[subject.warmup((name,))].append(name)
    return {bars: tuple(names) for bars, names in groups.items()}
