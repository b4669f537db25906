"""Which bars have all the history that a feature row rests on."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.gaps import whole_before
from signal_server.features.catalogue import leaders_of, warmup_bars


def whole_rows(
    closes: pd.DatetimeIndex,
    names: Sequence[str],
    leaders: Mapping[str, pd.DataFrame],
    bar_seconds: int,
) -> NDArray[np.bool_]:
    """Tell for each bar whether the features `names` may be computed from it.

    The warm-up must be there with few enough bars missing, that of each leader too, and each
    leader must have a bar of the same close. `leaders` are bar frames by symbol.
    """
    have = warmup_bars(names) + 1
    whole = whole_before(closes, have, bar_seconds)
    for symbol in leaders_of(names):
        led = pd.DatetimeIndex(leaders[symbol].index)
        at = led.get_indexer(closes)
        whole &= (at >= 0) & np.append(whole_before(led, have, bar_seconds), False)[at]
    return whole
