"""Other futures: the same bars up to a moment, and something else after it."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from signal_server.audit.subject import Frames
from signal_server.core.domain import PRICE_COLUMNS

Future = Callable[[pd.DataFrame], pd.DataFrame]
"""Takes the bars after the moment and returns others with the same closes."""


def _moved(factor: float) -> Future:
    def move(bars: pd.DataFrame) -> pd.DataFrame:
        return bars.assign(
            **{name: bars[name] * factor for name in PRICE_COLUMNS}, volume=bars["volume"] * 7
        )

    return move


def _scrambled(bars: pd.DataFrame) -> pd.DataFrame:
    order = np.random.default_rng(len(bars)).permutation(len(bars))
    return pd.DataFrame(bars.to_numpy()[order], index=bars.index, columns=bars.columns)


FUTURES: Mapping[str, Future] = MappingProxyType(
    {"tripled": _moved(3.0), "fallen to a third": _moved(1 / 3), "scrambled": _scrambled}
)
"""Whatever looks ahead, and only at whether it rises, too, is moved by one of them."""


def until(bars: Frames, moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return the bars that have closed by `moment`."""
    return {symbol: frame.loc[:moment] for symbol, frame in bars.items()}


def with_future(bars: Frames, moment: pd.Timestamp, future: Future) -> dict[str, pd.DataFrame]:
    """Return the bars with all that close after `moment` replaced."""
    return {symbol: _changed(frame, moment, future) for symbol, frame in bars.items()}


def _changed(frame: pd.DataFrame, moment: pd.Timestamp, future: Future) -> pd.DataFrame:
    past = frame.index.searchsorted(moment, side="right")
    if past == len(frame):
        return frame
    return pd.concat([frame.iloc[:past], future(frame.iloc[past:])])
