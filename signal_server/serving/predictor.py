"""From a live bar to a prediction, or to the reason why there is none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import pandas as pd

from signal_server.core.clock import Clock
from signal_server.core.domain import Bar, Direction, Signal
from signal_server.core.errors import ModelError
from signal_server.features.catalogue import realized_volatility
from signal_server.journal.predictions import Prediction
from signal_server.labels import threshold_bps
from signal_server.serving.history import BarTail
from signal_server.serving.served import ServedModel

VOLATILITY_BARS = 60
CLOCK_TOLERANCE_S = 5.0


class RefusalReason(StrEnum):
    """Why a bar leads to no signal."""

    NOT_FOLLOWED = "symbol is not followed"
    OLD_BAR = "bar is not newer than the last"
    LATE_BAR = "bar arrived too late"
    FUTURE_BAR = "bar closes in the future"
    HISTORY = "history does not suffice"
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


class Predictor:
    """Holds the newest bars of every followed symbol and predicts on each that is appended.

    Every bar goes into the history, also one that is too late to act on, and one that was missed
    and comes after its followers: what is predicted later rests on the same bars as a backtest.
    """

    def __init__(
        self,
        model: ServedModel,
        history: Mapping[str, pd.DataFrame],
        freshness: Freshness,
        clock: Clock,
    ) -> None:
        """Start from `history`, the stored bar frame of each symbol to follow."""
        self._model = model
        self._freshness = freshness
        self._clock = clock
        length = max(model.warmup_bars, VOLATILITY_BARS) + 1
        self._tails = {
            symbol: BarTail(frame, length, model.bar_seconds) for symbol, frame in history.items()
        }

    def predict(self, bar: Bar, received_at: datetime) -> Prediction | Refusal:
        """Append the bar and predict from it."""
        tail = self._tails.get(bar.symbol)
        if tail is None:
            return self._refuse(bar, RefusalReason.NOT_FOLLOWED, bar.symbol)
        if not tail.append(bar):
            return self._refuse(bar, RefusalReason.OLD_BAR, f"closed {bar.close_time.isoformat()}")
        return (
            self._refuse_time(bar)
            or self._refuse_history(bar, tail)
            or self._predict(bar, tail.frame, received_at)
        )

    def _refuse(self, bar: Bar, reason: RefusalReason, detail: str) -> Refusal:
        return Refusal(bar.symbol, reason, detail, self._clock())

    def _refuse_time(self, bar: Bar) -> Refusal | None:
        age_s = (self._clock() - bar.close_time).total_seconds()
        if age_s > self._freshness.max_bar_delay_s:
            limit_s = self._freshness.max_bar_delay_s
            detail = f"{age_s:.1f} s after its close, {limit_s:g} s are allowed"
            return self._refuse(bar, RefusalReason.LATE_BAR, detail)
        if age_s < -CLOCK_TOLERANCE_S:
            detail = f"{-age_s:.1f} s ahead of this computer's clock"
            return self._refuse(bar, RefusalReason.FUTURE_BAR, detail)
        return None

    def _refuse_history(self, bar: Bar, tail: BarTail) -> Refusal | None:
        problem = tail.problem()
        return self._refuse(bar, RefusalReason.HISTORY, problem) if problem else None

    def _predict(self, bar: Bar, bars: pd.DataFrame, received_at: datetime) -> Prediction | Refusal:
        row = self._model.compute(bars).iloc[-1:]
        try:
            probabilities = _probabilities(self._model.predict(row))
        except ModelError as error:
            return self._refuse(bar, RefusalReason.MODEL_OUTPUT, str(error))
        recent = realized_volatility(bars.iloc[-(VOLATILITY_BARS + 1) :], VOLATILITY_BARS)
        signal = self._signal(bar, probabilities, float(recent.iloc[-1]), received_at)
        features = {str(name): float(value) for name, value in row.iloc[0].items()}
        label = self._model.label
        threshold = float(threshold_bps(label, signal.volatility, self._model.bar_seconds))
        return Prediction(signal, features, threshold, label.barriers)

    def _signal(
        self,
        bar: Bar,
        probabilities: dict[Direction, float],
        volatility_per_bar: float,
        received_at: datetime,
    ) -> Signal:
        direction = max(probabilities, key=probabilities.__getitem__)
        return Signal(
            id=0,
            model_id=self._model.id,
            model_version=self._model.version,
            symbol=bar.symbol,
            bar_close=bar.close_time,
            issued_at=self._clock(),
            valid_until=bar.close_time + timedelta(seconds=self._freshness.signal_valid_s),
            horizon_s=self._model.label.horizon_s,
            probabilities=probabilities,
            direction=direction,
            confidence=probabilities[direction],
            reference_price=bar.close,
            volatility=volatility_per_bar,
            schema_hash=self._model.schema_hash,
            bar_received_at=received_at,
        )


def _probabilities(predicted: pd.DataFrame) -> dict[Direction, float]:
    row = {Direction(str(name)): float(value) for name, value in predicted.iloc[-1].items()}
    if any(not 0.0 <= value <= 1.0 for value in row.values()) or abs(sum(row.values()) - 1) > 1e-6:
        raise ModelError(f"the model's output {row} is no set of probabilities; train it again")
    return row
