"""What is odd about a bar among those before it: a price that stands still, volume out of scale."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from signal_server.core.domain import Bar
from signal_server.market.quality.shape import Bools
from signal_server.market.quality.vocabulary import BarFlag, bit_of

FLAT_S = 600
"""So long a price may stand still, in bars that say that there were trades."""
VOLUME_BARS = 1440
MIN_VOLUME_BARS = 240
VOLUME_TIMES = 5.0
"""Out of scale is more than so many times the largest volume of the last `VOLUME_BARS`."""
CONTEXT_BARS = VOLUME_BARS + 1
"""How many bars before a bar matter to its flags."""

Masks = NDArray[np.uint8]


def flat_bars(bar_seconds: int) -> int:
    """Return from which bar on a run of bars without any move is flagged."""
    return FLAT_S // bar_seconds


def unusual_in(frame: pd.DataFrame, bar_seconds: int) -> Masks:
    """Return the mask of each row's flags, as the rows before it in `frame` show."""
    masks = np.zeros(len(frame), dtype=np.uint8)
    flat = _flat_rows(frame)
    if flat.any():
        masks[_run_lengths(flat) >= flat_bars(bar_seconds)] |= bit_of(BarFlag.FLAT_RUN)
    masks[_is_out_of_scale(frame["volume"].to_numpy(np.float64))] |= bit_of(BarFlag.VOLUME_OUTLIER)
    return masks


def _flat_rows(frame: pd.DataFrame) -> Bools:
    high, low, close = (frame[name].to_numpy(np.float64) for name in ("high", "low", "close"))
    flat: Bools = high == low
    flat[:1] = False
    flat[1:] &= close[1:] == close[:-1]
    return flat


def _run_lengths(flat: Bools) -> NDArray[np.int64]:
    """Return how many flat rows in a row end at each."""
    rows = np.arange(len(flat))
    lengths: NDArray[np.int64] = rows - np.maximum.accumulate(np.where(flat, -1, rows))
    return lengths


def _is_out_of_scale(volume: NDArray[np.float64]) -> Bools:
    found = np.zeros(len(volume), dtype=np.bool_)
    if len(volume) <= MIN_VOLUME_BARS:
        return found
    # The window of a row ends with the row before it.
    largest = maximum_filter1d(
        volume[:-1], VOLUME_BARS, mode="constant", origin=VOLUME_BARS // 2 - 1
    )
    found[1:] = volume[1:] > largest * VOLUME_TIMES
    found[:MIN_VOLUME_BARS] = False
    return found


@dataclass(slots=True)
class Recent:
    """The newest bars of one symbol, as far as the flags of the next one need them."""

    volumes: NDArray[np.float64]
    count: int = 0
    close: float = float("nan")
    flat: int = 0

    def take(self, bar: Bar, flat_limit: int) -> int:
        """Take the next bar; return the mask of its flags."""
        still = bar.high == bar.low and bar.close == self.close
        self.flat = self.flat + 1 if still else 0
        mask = bit_of(BarFlag.FLAT_RUN) if self.flat >= flat_limit else 0
        if self.count >= MIN_VOLUME_BARS and bar.volume > self.volumes.max() * VOLUME_TIMES:
            mask |= bit_of(BarFlag.VOLUME_OUTLIER)
        self.volumes[self.count % VOLUME_BARS] = bar.volume
        self.count += 1
        self.close = bar.close
        return mask


def recent_of(frame: pd.DataFrame) -> Recent:
    """Begin after the bars of a frame."""
    tail = frame.iloc[-CONTEXT_BARS:]
    volumes = np.zeros(VOLUME_BARS)
    newest = tail["volume"].to_numpy(np.float64)[-VOLUME_BARS:]
    volumes[: len(newest)] = newest
    recent = Recent(volumes, len(newest))
    if len(tail):
        recent.close = float(tail["close"].iloc[-1])
        recent.flat = int(_run_lengths(_flat_rows(tail))[-1])
    return recent
