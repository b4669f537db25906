from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from signal_server.core.domain import Direction
from signal_server.journal.predictions import Prediction
from signal_server.serving.lineup import Lineup
from signal_server.serving.predictor import (
    Freshness,
    Refusal,
    RefusalReason,
)
from tests.signal_server.serving.world import (
    NOON,
    Alone,
    HandClock,
    Live,
    always,
    bar,
    bars,
    model,
    stage,
)

NEXT = NOON + timedelta(seconds=60)


def predictor(clock: HandClock, stored: pd.DataFrame | None = None, **changes: object) -> Alone:
    return Alone(clock, bars(100) if stored is None else stored, model(**changes))


def refusal(made: Prediction | Refusal | None) -> RefusalReason:
    assert isinstance(made, Refusal)
    return made.reason


def test_a_bar_becomes_a_prediction() -> None:
    clock = HandClock(NEXT + timedelta(seconds=1))
    made = predictor(clock).predict(bar(NEXT, close=100.5), clock.now)
    assert isinstance(made, Prediction)
    signal = made.signal
    assert (signal.direction, signal.confidence) == (Direction.UP, 0.6)
    assert signal.reference_price == 100.5
    assert signal.valid_until == NEXT + timedelta(seconds=90)
    assert signal.issued_at == signal.bar_received_at == clock.now
    assert made.features["roc_1"] == pytest.approx(0.5)


def test_the_live_features_are_those_of_all_history() -> None:
    clock = HandClock()
    stored = bars(500)
    made = predictor(clock, stored.iloc[:-1]).predict(
        bar(NOON, close=float(stored["close"].iloc[-1])), NOON
    )
    assert isinstance(made, Prediction)
    expected = 100 * stored["close"].pct_change().iloc[-1]
    assert made.features["roc_1"] == pytest.approx(expected, rel=1e-12)


def test_a_late_bar_gives_no_signal_but_enters_the_history() -> None:
    clock = HandClock(NEXT + timedelta(seconds=21))
    made = predictor(clock)
    assert refusal(made.predict(bar(NEXT), clock.now)) is RefusalReason.LATE_BAR
    assert made.predict(bar(NEXT), clock.now) is None


def test_a_bar_of_the_future_gives_no_signal() -> None:
    clock = HandClock(NEXT - timedelta(seconds=6))
    assert refusal(predictor(clock).predict(bar(NEXT), clock.now)) is RefusalReason.FUTURE_BAR


def test_a_bar_of_another_symbol_gives_no_signal() -> None:
    clock = HandClock(NEXT)
    lineup = Lineup(model(), stage(clock, {"BTC-USD": bars(100)}))
    ((_, made),) = lineup.take([Live(bar(NEXT, "XRP-USD"), NEXT)])
    assert refusal(made) is RefusalReason.NOT_FOLLOWED


@pytest.mark.parametrize("stored", [bars(0), bars(59)])
def test_too_short_a_history_gives_no_signal(stored: pd.DataFrame) -> None:
    clock = HandClock(NEXT)
    made = predictor(clock, stored).predict(bar(NEXT), NEXT)
    assert refusal(made) is RefusalReason.HISTORY


def test_history_fills_up_from_live_bars() -> None:
    clock = HandClock(NEXT)
    made = predictor(clock, bars(59))
    assert isinstance(made.predict(bar(NEXT), NEXT), Refusal)
    clock.advance(60)
    assert isinstance(made.predict(bar(clock.now), clock.now), Prediction)


def test_a_hole_in_the_history_gives_no_signal() -> None:
    stored = bars(100).drop(bars(100).index[70:85])
    made = predictor(HandClock(NEXT), stored).predict(bar(NEXT), NEXT)
    assert refusal(made) is RefusalReason.HISTORY


def test_a_hole_too_small_for_a_long_history_is_one_in_its_newest_bars() -> None:
    clock, stored = HandClock(NEXT), bars(2000)
    old, new = stored.drop(stored.index[1500:1520]), stored.drop(stored.index[1970:1990])
    made = predictor(clock, old, names=("volatility_1440",)).predict(bar(NEXT), NEXT)
    assert isinstance(made, Prediction)
    made = predictor(clock, new, names=("volatility_1440",)).predict(bar(NEXT), NEXT)
    assert str(made) == (
        "history does not suffice: 20 bars are missing among the last 60; backfill, or wait"
    )


def test_bars_of_a_hole_that_come_late_are_predicted_from_as_if_they_had_come_in_time() -> None:
    stored = bars(100)
    missed = [bar(when.to_pydatetime(), close=50.0) for when in stored.index[-3:]]
    made = predictor(HandClock(NEXT), stored.iloc[:-3])
    assert isinstance(made.predict(bar(NEXT), NEXT), Prediction)
    for late in [*missed, bar(NEXT, close=7.0)]:
        assert made.predict(late, NEXT) is None
    frame = made.history.frame("BTC-USD")
    assert frame["close"].tolist()[-5:] == [*stored["close"].tolist()[-4:-3], 50, 50, 50, 101]
    assert frame.index.is_monotonic_increasing


def test_a_few_minutes_without_trades_are_no_hole() -> None:
    stored = bars(100).drop(bars(100).index[[70, 71, 90]])
    made = predictor(HandClock(NEXT), stored).predict(bar(NEXT), NEXT)
    assert isinstance(made, Prediction)


@pytest.mark.parametrize("share", [float("nan"), 1.2, 0.1])
def test_output_that_is_no_probability_gives_no_signal(share: float) -> None:
    made = predictor(HandClock(NEXT), predict=always(0.4, share)).predict(bar(NEXT), NEXT)
    assert refusal(made) is RefusalReason.MODEL_OUTPUT


def test_a_three_class_model_may_say_flat() -> None:
    changes = {"classes": tuple(Direction), "predict": always(0.2, 0.5, 0.3)}
    made = predictor(HandClock(NEXT), **changes).predict(bar(NEXT), NEXT)
    assert isinstance(made, Prediction)
    assert made.signal.direction is Direction.FLAT


def test_a_refusal_says_why_in_words() -> None:
    clock = HandClock(NEXT + timedelta(seconds=30))
    tight = Alone(clock, bars(100), model(), Freshness(20, 90))
    assert str(tight.predict(bar(NEXT), clock.now)) == (
        "bar arrived too late: 30.0 s after its close, 20 s are allowed"
    )


def test_volatility_is_the_deviation_of_the_last_sixty_log_returns() -> None:
    stored = bars(100)
    made = predictor(HandClock(NOON), stored.iloc[:-1]).predict(
        bar(NOON, close=float(stored["close"].iloc[-1])), NOON
    )
    assert isinstance(made, Prediction)
    expected = np.diff(np.log(stored["close"].to_numpy()[-61:])).std(ddof=1)
    assert made.signal.volatility == pytest.approx(expected)
