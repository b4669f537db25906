"""A model's predictions for any stored period, block by block, beside what became of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_server.core.domain import Direction
from signal_server.core.errors import NoHistoryError
from signal_server.core.gaps import missing_allowed, whole_after
from signal_server.features.catalogue import compute_features, leaders_of, warmup_bars
from signal_server.features.coverage import whole_rows
from signal_server.labels import make_labels
from signal_server.market.store import BarStore
from signal_server.market.stored import check_period
from signal_server.training.artifact import Manifest, Model

BLOCK_BARS = 50_000
VOLATILITY_BARS = 61
"""What a label whose threshold follows the volatility reads before its row."""

Progress = Callable[[str, float], None]
"""Takes a symbol and the share of its period that is done, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Which bars to score: start < close <= end, all that is stored where None."""

    model: Model
    symbols: tuple[str, ...]
    start: datetime | None = None
    end: datetime | None = None


def iter_scores(store: BarStore, request: ScoreRequest, report: Progress) -> Iterator[pd.DataFrame]:
    """Yield the scored rows symbol by symbol, in blocks of rising time.

    Columns: `symbol`, `close_time`, one probability a class (`p_down`, `p_flat`, `p_up`),
    `direction`, `confidence` (that of the direction), `label` and `label_known_at` (None and NaT
    while unknown, or with too many bars missing in the horizon), and `in_training`: the model has
    learned from that moment. A bar without enough history has no row, as the server would refuse
    it. Holds about 50,000 bars at a time. Raises `NoHistoryError` naming a symbol without bars in
    the period, or when the period is none.
    """
    request.model.check_schema()
    request.model.check_bar_seconds(store.bar_seconds)
    check_period((request.start, request.end))
    periods = [(symbol, *_period(store, symbol, request)) for symbol in request.symbols]
    for symbol, start, end in periods:
        report(symbol, 0.0)
        for begin, until in _blocks(start, end, store.bar_seconds):
            scored = _score(store, request.model, symbol, (begin, until))
            if scored is not None:
                yield scored
            report(symbol, (until - start) / (end - start))


def with_bars(store: BarStore, request: ScoreRequest) -> tuple[str, ...]:
    """Return those symbols of the request that have bars in its period.

    Raises the first one's `NoHistoryError` when none has.
    """
    check_period((request.start, request.end))
    found: list[str] = []
    problems: list[NoHistoryError] = []
    for symbol in request.symbols:
        try:
            _period(store, symbol, request)
        except NoHistoryError as error:
            problems.append(error)
        else:
            found.append(symbol)
    if not found and problems:
        raise problems[0]
    return tuple(found)


def learned_period(manifest: Manifest) -> tuple[datetime, datetime]:
    """Return the first close that a model learned from, and the first after all it learned from.

    Rows between its parts count as learned: their labels overlap those of rows that were.
    """
    windows, served = manifest.windows, manifest.served_window
    start = min(windows.train.start, served.start)
    return start, max(windows.test.start, served.last_known_at)


def _period(store: BarStore, symbol: str, request: ScoreRequest) -> tuple[datetime, datetime]:
    first, last = store.first_close(symbol), store.last_close(symbol)
    if first is None or last is None:
        raise NoHistoryError(f"no bars of {symbol} are stored; run `signal-server backfill` first")
    before_first = first - timedelta(seconds=store.bar_seconds)
    start = max(before_first, request.start or before_first)
    end = min(last, request.end or last)
    if start >= end:
        raise NoHistoryError(
            f"no bars of {symbol} are stored in this period, only from {first:%Y-%m-%d %H:%M} "
            f"to {last:%Y-%m-%d %H:%M} UTC; backfill it or choose another period"
        )
    return start, end


def _blocks(
    start: datetime, end: datetime, bar_seconds: int
) -> Iterator[tuple[datetime, datetime]]:
    step = timedelta(seconds=BLOCK_BARS * bar_seconds)
    while start < end:
        until = min(start + step, end)
        yield start, until
        start = until


def _score(
    store: BarStore, model: Model, symbol: str, period: tuple[datetime, datetime]
) -> pd.DataFrame | None:
    """Score the bars that close in `period`, its start excluded; None if none can be scored."""
    manifest = model.manifest
    names, label = manifest.feature_names, manifest.profile.label
    have = max(warmup_bars(names) + 1, VOLATILITY_BARS)
    before = timedelta(seconds=store.bar_seconds * (have + missing_allowed(have) + 1))
    after = timedelta(seconds=2 * label.horizon_s + VOLATILITY_BARS * store.bar_seconds)
    bars = store.read(symbol, period[0] - before, period[1] + after)
    leaders = {one: store.read(one, period[0] - before, period[1]) for one in leaders_of(names)}
    closes = pd.DatetimeIndex(bars.index)
    first, last = (closes.searchsorted(pd.Timestamp(one), side="right") for one in period)
    wanted = np.zeros(len(closes), dtype=np.bool_)
    wanted[first:last] = True
    wanted &= whole_rows(closes, names, leaders, store.bar_seconds)
    if not wanted.any():
        return None
    features = compute_features(bars.iloc[:last], names, leaders).loc[wanted[:last]]
    labels = make_labels(bars, label, store.bar_seconds)
    labels["label"] = labels["label"].where(whole_after(closes, label.horizon_s, store.bar_seconds))
    return _frame(symbol, manifest, model.predict(features), labels.loc[wanted])


def _frame(
    symbol: str, manifest: Manifest, chances: pd.DataFrame, labels: pd.DataFrame
) -> pd.DataFrame:
    values = chances.to_numpy(np.float64)
    closes = pd.DatetimeIndex(chances.index)
    first, end = (pd.Timestamp(moment) for moment in learned_period(manifest))
    known = labels["label"].notna().to_numpy()
    classes = manifest.classes
    return pd.DataFrame(
        {
            "symbol": pd.Categorical([symbol] * len(values), [symbol]),
            "close_time": closes,
            **{f"p_{name.lower()}": chances[name.value].to_numpy() for name in classes},
            "direction": _named(values.argmax(axis=1), classes),
            "confidence": values.max(axis=1),
            "label": _named(np.where(known, labels["label"].to_numpy(), -1), classes),
            "label_known_at": pd.DatetimeIndex(labels["known_at"].where(known)),
            "in_training": np.asarray((closes >= first) & (closes < end)),
        }
    )


def _named(codes: NDArray[Any], classes: tuple[Direction, ...]) -> "pd.Categorical[str]":
    """Return the classes' names; -1 is none."""
    names = pd.Index([name.value for name in classes])
    return pd.Categorical.from_codes(codes.astype(np.int64), names)
