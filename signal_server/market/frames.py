"""The shape of a bar frame, and which bars are fit to be used at all."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from signal_server.core.domain import BAR_COLUMNS, PRICE_COLUMNS, Bar

INDEX_NAME = "close_time"


def empty_frame() -> pd.DataFrame:
    """Return a bar frame without rows."""
    index = pd.DatetimeIndex([], tz="UTC", name=INDEX_NAME).as_unit("us")
    return pd.DataFrame(np.empty((0, len(BAR_COLUMNS))), index=index, columns=list(BAR_COLUMNS))


def bar_frame(
    close_times: Sequence[datetime] | Sequence[str] | pd.Index,
    columns: Mapping[str, Iterable[float]],
) -> pd.DataFrame:
    """Build a bar frame; columns that are not given are NaN. Rows are sorted, the first kept."""
    # Microseconds everywhere: equal instants must be equal whatever source they came from.
    index = pd.DatetimeIndex(pd.to_datetime(pd.Index(close_times), utc=True)).as_unit("us")
    frame = pd.DataFrame({name: np.nan for name in BAR_COLUMNS}, index=index.rename(INDEX_NAME))
    for name, values in columns.items():
        given = values if isinstance(values, np.ndarray) else list(values)
        frame[name] = np.asarray(given, dtype="float64")
    return in_order(frame)


def frame_of(bars: Iterable[Bar]) -> pd.DataFrame:
    """Return the bars of one symbol as a frame."""
    rows = list(bars)
    columns = {name: [getattr(bar, name) for bar in rows] for name in BAR_COLUMNS}
    return bar_frame([bar.close_time for bar in rows], columns)


def bars_of(symbol: str, frame: pd.DataFrame) -> list[Bar]:
    """Return the frame's rows as bars, oldest first."""
    times = pd.DatetimeIndex(frame.index).to_pydatetime()
    values = frame.loc[:, list(BAR_COLUMNS)].to_numpy(dtype="float64").tolist()
    return [Bar(symbol, when, *row) for when, row in zip(times, values, strict=True)]


def in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """Sort by time; of rows with the same time the first stays."""
    unique: pd.DataFrame = frame[~frame.index.duplicated(keep="first")]
    return unique.sort_index()


def valid_rows(frame: pd.DataFrame, bar_seconds: int) -> npt.NDArray[np.bool_]:
    """Tell for each row whether it can be a bar.

    Prices are finite and above 0, the high and the low enclose open and close, the volume is
    finite and not negative, and the close lies on a whole bar length.
    """
    price = frame.loc[:, list(PRICE_COLUMNS)].to_numpy(dtype="float64")
    volume = frame["volume"].to_numpy(dtype="float64")
    finite = np.isfinite(price).all(axis=1) & (price > 0).all(axis=1)
    opened, high, low, close = price.T
    enclosed = (high >= np.maximum(opened, close)) & (low <= np.minimum(opened, close))
    step_us = bar_seconds * 1_000_000
    aligned = np.asarray(pd.DatetimeIndex(frame.index).as_unit("us").asi8) % step_us == 0
    valid: npt.NDArray[np.bool_] = finite & enclosed & aligned
    valid &= np.isfinite(volume) & (volume >= 0)
    return valid
