from datetime import timedelta

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from signal_server.core.domain import BAR_COLUMNS
from signal_server.serving import history as history_module
from signal_server.serving.history import BarHistory
from tests.signal_server.serving.world import NOON, Live, bar, bars

SYMBOL = "BTC-USD"


def minute(number: int):
    return NOON + timedelta(minutes=number)


def coming(numbers: list[int]) -> list[Live]:
    return [Live(bar(minute(n), close=100.0 + n), minute(n)) for n in numbers]


@given(st.permutations(range(1, 25)), st.integers(0, 20))
def test_bars_in_whatever_order_make_the_history_that_order_makes(
    order: list[int], spare: int
) -> None:
    stored = {SYMBOL: bars(30)}
    shuffled, sorted_ = (BarHistory(stored, 40 + spare, 60) for _ in range(2))
    intake = shuffled.take([*coming(order), *coming(order[:5])])
    sorted_.take(coming(sorted(order)))
    pd.testing.assert_frame_equal(shuffled.frame(SYMBOL), sorted_.frame(SYMBOL))
    closes = [live.bar.close_time for live in intake.newest]
    assert closes == sorted(closes)
    assert (len(intake.newest) < len(order)) == bool(intake.changed)


def test_a_frame_is_a_bar_frame_of_the_newest_bars(monkeypatch) -> None:
    monkeypatch.setattr(history_module, "ROOM_BARS", 7)
    known = BarHistory({SYMBOL: bars(500)}, 30, 60)
    known.take(coming(list(range(1, 101))))
    frame = known.frame(SYMBOL)
    assert list(frame.columns) == list(BAR_COLUMNS)
    assert frame.index[-1] == minute(100)
    assert frame.index.name == "close_time"
    assert len(frame) == 30 + history_module.SPARE_BARS
    assert frame["close"].tolist() == [100.0 + n for n in range(11, 101)]


def test_history_grows_backwards_for_a_model_that_needs_more() -> None:
    stored = bars(1000)
    known = BarHistory({SYMBOL: stored.iloc[-200:]}, 61, 60)
    known.take(coming([1, 2]))
    known.lengthen({SYMBOL: stored}, 500)
    frame = known.frame(SYMBOL)
    assert len(frame) == 500 + history_module.SPARE_BARS
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique
    assert known.problem(SYMBOL, 500, minute(2)) == ""
    assert frame["close"].iloc[-1] == 102.0


def test_what_is_asked_of_an_earlier_bar_does_not_see_later_ones() -> None:
    known = BarHistory({SYMBOL: bars(100)}, 61, 60)
    before = known.volatilities([SYMBOL], NOON)[0]
    known.take(coming([1, 50]))
    assert known.volatilities([SYMBOL], NOON)[0] == before
    assert known.problem(SYMBOL, 61, minute(1)) == ""
    assert known.problem(SYMBOL, 61, minute(50)).startswith("48 bars are missing")


def test_volatility_of_a_constant_price_is_exactly_zero() -> None:
    flat = bars(100).assign(close=3.3)
    assert BarHistory({SYMBOL: flat}, 61, 60).volatilities([SYMBOL], NOON)[0] == 0.0
    assert np.isnan(BarHistory({SYMBOL: flat[:60]}, 61, 60).volatilities([SYMBOL], NOON)[0])
