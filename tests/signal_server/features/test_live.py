"""The newest row that is kept up bar by bar is that of the batch over the same bars."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from signal_server.core.domain import Bar
from signal_server.features.catalogue import (
    CATALOGUE,
    compute_features,
    leaders_of,
)
from signal_server.features.live import LiveFeatures
from tests.signal_server.features.bars import random_bars

BARS = 10_600
OPENED = 10_200
NAMES = tuple(feature.name for feature in CATALOGUE)


def bars_of(frames: dict[str, pd.DataFrame], after: pd.Timestamp) -> Iterator[list[Bar]]:
    """Yield what comes at each moment after `after`: the bars of one close."""
    long = pd.concat({symbol: frame[frame.index > after] for symbol, frame in frames.items()})
    for close, together in long.groupby(level=1):
        yield [
            Bar(symbol, close.to_pydatetime(), *row)
            for (symbol, _), row in zip(together.index, together.to_numpy(), strict=True)
        ]


def assert_rows_equal(live: LiveFeatures, frames: dict[str, pd.DataFrame], names) -> None:
    found = live.rows(list(frames))
    leaders = {symbol: frames[symbol] for symbol in leaders_of(names)}
    for row, frame in zip(found, frames.values(), strict=True):
        batch = compute_features(frame, names, leaders)
        expected = batch.iloc[-1].to_numpy()
        unit = batch.std().fillna(0.0).to_numpy()
        with np.errstate(invalid="ignore"):
            close = np.abs(row - expected) <= 1e-9 * np.maximum(np.abs(expected), unit)
        wrong = ~(close | (np.isnan(row) & np.isnan(expected)))
        assert not wrong.any(), np.array([names, row, expected]).T[wrong]


def play(frames, names, opened: pd.Timestamp, checked: Sequence[pd.Timestamp]) -> LiveFeatures:
    live = LiveFeatures(names, list(frames), 60)
    live.open({symbol: frame.loc[:opened] for symbol, frame in frames.items()})
    for together in bars_of(frames, opened):
        live.append(together)
        if together[0].close_time in checked:
            past = {symbol: frame.loc[: together[0].close_time] for symbol, frame in frames.items()}
            assert_rows_equal(live, past, names)
    return live


def test_it_works() -> None:
    frames = {
        "BTC-USD": random_bars(BARS, seed=2),
        "ETH-USD": random_bars(BARS, seed=3),
        "A-USD": random_bars(BARS, seed=4),
    }
    index = frames["BTC-USD"].index
    play(frames, NAMES, index[OPENED], [index[i] for i in (OPENED + 1, OPENED + 77, BARS - 1)])
