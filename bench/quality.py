"""Checking bars, as a frame and one by one, and reading the condition of what is held."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from bench.bars import minute_bars
from bench.result import Result, interleaved_ms
from signal_server.core.clock import utc_now
from signal_server.core.domain import BAR_COLUMNS, Bar
from signal_server.market.condition import condition_of
from signal_server.market.frames import bars_of
from signal_server.market.quality import BarChecker, check_frame
from signal_server.market.quality.checker import MAX_AGE
from signal_server.market.store import BarStore

BARS = 260_000
LIVE = 2_000
EVENT = json.dumps(
    {
        "ev": "XA",
        "pair": "BTC-USD",
        "o": 1.5,
        "c": 1.5,
        "h": 1.6,
        "l": 1.4,
        "v": 9.1,
        "s": 1,
        "e": 2,
    }
)


def measure() -> list[Result]:
    """Return how long bars take to check, and a symbol to look over."""
    bars, data = minute_bars(BARS)
    bars = bars[list(BAR_COLUMNS)]
    return [_frame(bars, data), _live(bars), _condition(bars, data)]


def _frame(bars: pd.DataFrame, data: str) -> Result:
    values = bars.to_numpy()
    ours, floor = interleaved_ms(
        lambda: check_frame(bars, 60, now=utc_now()),
        lambda: np.isfinite(values.copy()).all(),
        9,
    )
    name = "a copy of the values and one look at each"
    return Result("quality_check", round(ours, 2), "ms", round(floor, 2), name, data)


def _live(bars: pd.DataFrame) -> Result:
    newest: list[Bar] = bars_of("BTC-USD", bars.tail(LIVE))
    now = newest[-1].close_time

    def check() -> None:
        checker = BarChecker(60, max_age=MAX_AGE * 99)
        for bar in newest:
            checker.check(bar, now)

    def parse() -> None:
        for _ in newest:
            json.loads(EVENT)

    ours, floor = interleaved_ms(check, parse, 9)
    microseconds = (round(taken * 1000 / LIVE, 2) for taken in (ours, floor))
    each = next(microseconds)
    return Result(
        "quality_live", each, "us a bar", next(microseconds), "parsing its event", f"{LIVE:,} bars"
    )


def _condition(bars: pd.DataFrame, data: str) -> Result:
    with TemporaryDirectory() as folder:
        store = BarStore(Path(folder), 60)
        store.write("BTC-USD", bars)
        ours, floor = interleaved_ms(
            lambda: condition_of(store, "BTC-USD", utc_now), lambda: store.read("BTC-USD"), 7
        )
    return Result("data_status", round(ours, 1), "ms", round(floor, 1), "reading the bars", data)
