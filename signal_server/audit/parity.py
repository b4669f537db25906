"""Whether the server computes live what a model was trained on."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pandas as pd

from signal_server.audit.comparison import Differences, Floats, spread
from signal_server.audit.future import until
from signal_server.audit.markets import Market
from signal_server.audit.subject import Frames, Subject
from signal_server.core.domain import BAR_COLUMNS, Bar

LIVE_CLOSES = 400
"""How many closes are gone through live; the engine is opened anew half-way, as by a restart."""


def live_parity(subject: Subject, market: Market) -> tuple[str, ...]:
    """Append the last 400 closes one by one and compare each row with the batch, to 1e-9.

    The first engine opens on all bars before; the second takes over half-way with the newest
    warm-up of bars alone, as a server does that starts again.
    """
    closes = _last_closes(market.bars.values())
    first, second = closes[: len(closes) // 2], closes[len(closes) // 2 :]
    restart = _newest(until(market.bars, first[-1]), subject.warmup(subject.names) + 1)
    live = _run(subject, market.bars, first, until(market.bars, _before(first[0])))
    again = _run(subject, market.bars, second, restart)
    found = Differences()
    for symbol in market.bars:
        batch = subject.features(symbol, market.bars)
        unit = spread(batch.to_numpy(np.float64))
        for rows, when in ((live[symbol], "when live"), (again[symbol], "live after a restart")):
            expected = batch.loc[list(rows)]
            values = np.array(list(rows.values())).reshape(expected.shape)
            computed = pd.DataFrame(values, index=expected.index, columns=expected.columns)
            found.compare(f"{symbol} in {market.name}", (expected, computed), unit, when)
    return found.findings


def _last_closes(frames: Iterable[pd.DataFrame]) -> pd.DatetimeIndex:
    newest = pd.concat([frame.iloc[-LIVE_CLOSES:, :1] for frame in frames])
    return pd.DatetimeIndex(newest.index.unique().sort_values()[-LIVE_CLOSES:])


def _before(close: pd.Timestamp) -> pd.Timestamp:
    return close - pd.Timedelta(nanoseconds=1)


def _newest(bars: Frames, count: int) -> dict[str, pd.DataFrame]:
    return {symbol: frame.iloc[-count:] for symbol, frame in bars.items()}


def _run(
    subject: Subject, bars: Frames, closes: pd.DatetimeIndex, history: Frames
) -> dict[str, dict[pd.Timestamp, Floats]]:
    """Return the live rows of each symbol by close; there is one for each bar that came."""
    engine = subject.live(subject.names, tuple(bars), subject.bar_seconds)
    engine.open({symbol: frame for symbol, frame in history.items() if len(frame)})
    rows: dict[str, dict[pd.Timestamp, Floats]] = {symbol: {} for symbol in bars}
    for close, together in sorted(_arrivals(bars, closes).items()):
        engine.append(together)
        symbols = [bar.symbol for bar in together]
        for symbol, row in zip(symbols, engine.rows(symbols), strict=True):
            rows[symbol][close] = row.copy()
    return rows


def _arrivals(bars: Frames, closes: pd.DatetimeIndex) -> dict[pd.Timestamp, list[Bar]]:
    arrivals: dict[pd.Timestamp, list[Bar]] = defaultdict(list)
    for symbol, frame in bars.items():
        part = frame.loc[closes[0] : closes[-1], list(BAR_COLUMNS)]
        for close, values in zip(part.index, part.to_numpy(np.float64), strict=True):
            fields = dict(zip(BAR_COLUMNS, (float(value) for value in values), strict=True))
            arrivals[close].append(Bar(symbol=symbol, close_time=close.to_pydatetime(), **fields))
    return arrivals
