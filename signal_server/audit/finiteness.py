"""Whether features are numbers wherever their history is whole."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.audit.markets import Market
from signal_server.audit.subject import Subject


def finite(subject: Subject, market: Market) -> tuple[str, ...]:
    """Look for values that are infinite or NaN after the warm-up, own and leaders'.

    A model is neither trained nor asked with infinite values, and NaN says that nothing is known.
    A row counts if each leader has a bar of its close.
    """
    found: dict[str, str] = {}
    for symbol, frame in market.bars.items():
        values = subject.features(symbol, market.bars)
        values = values.loc[_warm(subject, market, pd.DatetimeIndex(frame.index))]
        numbers = values.to_numpy(np.float64)
        wrong = ~np.isfinite(numbers)
        for column in np.flatnonzero(wrong.any(axis=0)):
            name, row = str(values.columns[column]), int(np.argmax(wrong[:, column]))
            at = f"{values.index[row]:%Y-%m-%d %H:%M:%S}"
            text = f"{name} of {symbol} in {market.name} at {at} is {numbers[row, column]}"
            found.setdefault(name, text)
    return tuple(found.values())


def _warm(subject: Subject, market: Market, closes: pd.DatetimeIndex) -> NDArray[np.bool_]:
    warmup = subject.warmup(subject.names)
    warm = np.arange(1, len(closes) + 1) >= warmup
    for leader in subject.leaders:
        warm &= closes.isin(market.bars[leader].index[warmup - 1 :])
    return np.asarray(warm, dtype=np.bool_)
