"""Bars of minutes that close around the end of a month."""

from datetime import UTC, datetime, timedelta

import pandas as pd

from signal_server.core.domain import Bar
from signal_server.market.frames import frame_of

START = datetime(2025, 1, 31, 23, 50, tzinfo=UTC)
SYMBOL = "BTC-USD"


def bar(minute: int, close: float = 10.0, symbol: str = SYMBOL, **values: float) -> Bar:
    """Return the bar that closes so many minutes after the start; a month ends in between."""
    at = START + timedelta(minutes=minute)
    return Bar(symbol, at, 10.0, max(10.0, close), min(10.0, close), close, 1.0, **values)


def frame(minutes: range, close: float = 10.0) -> pd.DataFrame:
    """Return the frame of such bars."""
    return frame_of([bar(minute, close) for minute in minutes])


def after(minutes: float) -> datetime:
    """Return the moment so many minutes after the start."""
    return START + timedelta(minutes=minutes)
