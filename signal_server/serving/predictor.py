"""From live bars to predictions, or to the reasons why there are none."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from signal_server.core.clock import Clock
from signal_server.core.domain import Bar, Signal
from signal_server.core.errors import ModelError
from signal_server.features.live import LiveFeatures
from signal_server.journal.predictions import Prediction
from signal_server.labels import threshold_bps
from signal_server.serving.history import BarHistory, LiveBar
from signal_server.serving.served import ServedModel

CLOCK_TOLERANCE_S = 5.0
_SUM_TOLERANCE = 1e-6

Floats = NDArray[np.float64]


class RefusalReason(StrEnum):
    """Why a bar leads to no signal."""

    NOT_FOLLOWED = "symbol is not followed"
    NO_MODEL = "no model predicts the symbol"
    OLD_BAR = "bar is not newer than the last"
    LATE_BAR = "bar arrived too late"
    FUTURE_BAR = "bar closes in the future"
    HISTORY = "history does not suffice"
    NO_LEADER = "a leader's bar is missing"
    INFINITE = "features are infinite"
    MODEL_OUTPUT = "model gave no probabilities"
    NOT_RECORDED = "prediction could not be written down"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A bar without a signal; `at` is tz-aware UTC."""

    symbol: str
    reason: RefusalReason
    detail: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


@dataclass(frozen=True, slots=True)
class Freshness:
    """A bar older than `max_bar_delay_s` gives no signal; a signal lives `signal_valid_s`.

    Both count from the bar's close.
    """

    max_bar_delay_s: float
    signal_valid_s: float


Made = Prediction | Refusal


class Predictor:
    """One model on the newest bars of all followed symbols.

    Every bar goes into its features, also one that is too late to act on, and one that was missed
    and comes after its followers: what is predicted later rests on the same bars as a backtest.
    """

    def __init__(
        self, model: ServedModel, history: BarHistory, freshness: Freshness, clock: Clock
    ) -> None:
        """Start from `history`, which may be shared and must hold `model.history_bars`.

        Raises `NoHistoryError` naming a leader that is not followed.
        """
        self.model = model
        self._history = history
        self._freshness = freshness
        self._clock = clock
        self._bars = model.history_bars
        self._live = LiveFeatures(model.names, history.symbols, model.bar_seconds)
        self._live.open({symbol: history.frame(symbol) for symbol in history.symbols})
        self._last = {symbol: history.last_close(symbol) for symbol in history.symbols}
        self._newest: dict[str, LiveBar] = {}

    def reopen(self, symbols: Iterable[str]) -> None:
        """Begin these again from the history, after a bar took its place among earlier ones."""
        for symbol in symbols:
            self._live.reopen(symbol, self._history.frame(symbol))
            self._last[symbol] = self._history.last_close(symbol)

    def catch_up(self) -> None:
        """Begin those symbols again whose newest bar it has not been shown."""
        behind = [
            name for name, last in self._last.items() if last != self._history.last_close(name)
        ]
        self.reopen(behind)

    def predict(self, lives: Sequence[LiveBar]) -> list[Made]:
        """Take bars that the history has, and predict from them; the results are in their order.

        Those of one close are predicted at once, older closes before newer ones.
        """
        made: dict[int, Made] = {}
        for places in _moments(lives):
            together = [lives[place] for place in places]
            made.update(zip(places, self._predict_moment(together), strict=True))
        return [made[place] for place in range(len(lives))]

    def _predict_moment(self, lives: Sequence[LiveBar]) -> list[Made]:
        self._learn(lives)
        rows = self._live.rows([live.bar.symbol for live in lives])
        problem = self._problem_of_leaders(lives[0].bar.close_time)
        refusals = [
            self._refuse_bar(live) or self._refuse_row(live, row, problem)
            for live, row in zip(lives, rows, strict=True)
        ]
        fit = [place for place, refusal in enumerate(refusals) if refusal is None]
        made = iter(self._predict_rows([lives[place] for place in fit], rows[fit]) if fit else [])
        return [refusal or next(made) for refusal in refusals]

    def _learn(self, lives: Sequence[LiveBar]) -> None:
        """Append what the features do not have yet; a symbol begun again is ahead already."""
        self._newest.update((live.bar.symbol, live) for live in lives)
        new = [live.bar for live in lives if self._is_new(live)]
        if new:
            self._live.append(new)
            self._last.update((bar.symbol, bar.close_time) for bar in new)

    def _is_new(self, live: LiveBar) -> bool:
        last = self._last[live.bar.symbol]
        return last is None or live.bar.close_time > last

    def _refuse(self, live: LiveBar, reason: RefusalReason, detail: str) -> Refusal:
        return Refusal(live.bar.symbol, reason, detail, self._clock())

    def _refuse_bar(self, live: LiveBar) -> Refusal | None:
        bar = live.bar
        if not self.model.predicts(bar.symbol):
            return self._refuse(live, RefusalReason.NO_MODEL, bar.symbol)
        age_s = (self._clock() - bar.close_time).total_seconds()
        if self._last[bar.symbol] != bar.close_time:
            return self._refuse(live, RefusalReason.OLD_BAR, f"closed {bar.close_time.isoformat()}")
        if age_s > self._freshness.max_bar_delay_s:
            limit_s = self._freshness.max_bar_delay_s
            detail = f"{age_s:.1f} s after its close, {limit_s:g} s are allowed"
            return self._refuse(live, RefusalReason.LATE_BAR, detail)
        if age_s < -CLOCK_TOLERANCE_S:
            detail = f"{-age_s:.1f} s ahead of this computer's clock"
            return self._refuse(live, RefusalReason.FUTURE_BAR, detail)
        problem = self._history.problem(bar.symbol, self._bars, bar.close_time)
        return self._refuse(live, RefusalReason.HISTORY, problem) if problem else None

    def _refuse_row(self, live: LiveBar, row: Floats, problem: str) -> Refusal | None:
        if problem:
            return self._refuse(live, RefusalReason.NO_LEADER, problem)
        infinite = [self.model.names[at] for at in np.flatnonzero(np.isinf(row))]
        return self._refuse(live, RefusalReason.INFINITE, ", ".join(infinite)) if infinite else None

    def _problem_of_leaders(self, close: datetime) -> str:
        for leader in self.model.leaders:
            if self._last[leader] != close:
                return f"{leader} has none that closed {close.isoformat()}"
            if problem := self._history.problem(leader, self._bars, close):
                return f"{leader}: {problem}"
        return ""

    def _predict_rows(self, lives: Sequence[LiveBar], rows: Floats) -> list[Made]:
        """Predict from bars of one close."""
        symbols = [live.bar.symbol for live in lives]
        try:
            shares = self._shares(symbols, rows.astype(np.float32))
        except ModelError as error:
            return [self._refuse(live, RefusalReason.MODEL_OUTPUT, str(error)) for live in lives]
        spreads = self._history.volatilities(symbols, lives[0].bar.close_time)
        found = zip(
            lives,
            rows.tolist(),
            shares.tolist(),
            spreads.tolist(),
            _are_probabilities(shares),
            strict=True,
        )
        return [
            self._prediction(row, self._signal(live, share, spread))
            if sound
            else self._refuse_output(live, share)
            for live, row, share, spread, sound in found
        ]

    def _shares(self, symbols: Sequence[str], rows: NDArray[np.float32]) -> Floats:
        """Return probabilities (rows, classes), each row's by the model of its symbol."""
        if not self.model.own:
            return self.model.predict(rows)
        pairs = zip(symbols, rows, strict=True)
        return np.concatenate([self.model.of(symbol).predict(row[None]) for symbol, row in pairs])

    def _refuse_output(self, live: LiveBar, share: list[float]) -> Refusal:
        detail = f"its output {share} is no set of probabilities; train it again"
        return self._refuse(live, RefusalReason.MODEL_OUTPUT, detail)

    def _prediction(self, row: list[float], signal: Signal) -> Prediction:
        label = self.model.label
        threshold = float(threshold_bps(label, signal.volatility, self.model.bar_seconds))
        features = dict(zip(self.model.names, row, strict=True))
        return Prediction(signal, features, threshold, label.barriers)

    def _signal(self, live: LiveBar, share: list[float], volatility_per_bar: float) -> Signal:
        model, bar = self.model.of(live.bar.symbol), live.bar
        probabilities = dict(zip(model.classes, share, strict=True))
        direction = max(probabilities, key=probabilities.__getitem__)
        return Signal(
            id=0,
            model_id=model.id,
            model_version=model.version,
            symbol=bar.symbol,
            bar_close=bar.close_time,
            issued_at=self._clock(),
            valid_until=bar.close_time + timedelta(seconds=self._freshness.signal_valid_s),
            horizon_s=model.label.horizon_s,
            probabilities=probabilities,
            direction=direction,
            confidence=probabilities[direction],
            reference_price=bar.close,
            volatility=volatility_per_bar,
            schema_hash=model.schema_hash,
            flags=(*live.flags, *self._flags_of_leaders(live.bar)),
            bar_received_at=live.received_at,
        )

    def _flags_of_leaders(self, bar: Bar) -> Iterator[str]:
        """Give what is odd about the other bars of that close that a prediction rests on."""
        for leader in self.model.leaders:
            led_by = self._newest.get(leader)
            if led_by and leader != bar.symbol and led_by.bar.close_time == bar.close_time:
                yield from (f"{leader}:{flag}" for flag in led_by.flags)


def _moments(lives: Sequence[LiveBar]) -> Iterator[list[int]]:
    """Give the places of the bars of each close, the oldest close first."""
    places: dict[datetime, list[int]] = {}
    for place, live in enumerate(lives):
        places.setdefault(live.bar.close_time, []).append(place)
    for close in sorted(places):
        yield places[close]


def _are_probabilities(shares: Floats) -> list[bool]:
    within = ((shares >= 0) & (shares <= 1)).all(axis=1)
    sound: list[bool] = (within & (np.abs(shares.sum(axis=1) - 1) <= _SUM_TOLERANCE)).tolist()
    return sound
