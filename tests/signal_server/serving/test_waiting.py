from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from signal_server.serving.waiting import Waiting
from tests.signal_server.serving.world import NOON, HandClock, Live, bar

LEADERS = ("BTC-USD", "ETH-USD")
NEXT = NOON + timedelta(minutes=1)


def live(symbol: str, close: datetime = NEXT, after_s: float = 0.1) -> Live:
    return Live(bar(close, symbol), close + timedelta(seconds=after_s))


def at_noon(_symbol: str) -> datetime:
    return NOON


def test_without_leaders_nothing_waits() -> None:
    waiting: Waiting[Live] = Waiting(2.0, HandClock(NEXT))
    came = [live("SOL-USD"), live("XRP-USD")]
    assert waiting.admit(came, (), at_noon) == came
    assert waiting.left_s() is None


def test_a_bar_waits_for_all_leaders_of_its_close() -> None:
    clock = HandClock(NEXT + timedelta(seconds=0.1))
    waiting: Waiting[Live] = Waiting(2.0, clock)
    first, second, third = live("SOL-USD"), live("BTC-USD"), live("ETH-USD")
    assert waiting.admit([first], LEADERS, at_noon) == []
    assert waiting.admit([second], LEADERS, at_noon) == []
    assert waiting.left_s() == 2.0
    assert waiting.admit([third], LEADERS, at_noon) == [first, second, third]
    assert waiting.left_s() is None


def test_nobody_waits_for_a_leader_that_is_there_already() -> None:
    waiting: Waiting[Live] = Waiting(2.0, HandClock(NEXT))
    came = [live("SOL-USD")]
    assert waiting.admit(came, LEADERS, lambda _symbol: NEXT) == came


def test_a_wait_ends() -> None:
    clock = HandClock(NEXT + timedelta(seconds=0.1))
    waiting: Waiting[Live] = Waiting(2.0, clock)
    came = [live("SOL-USD")]
    waiting.admit(came, LEADERS, lambda _symbol: None)
    clock.advance(1.5)
    assert waiting.left_s() == 0.5
    assert waiting.admit([], LEADERS, at_noon) == []
    clock.advance(0.5)
    assert waiting.left_s() == 0.0
    assert waiting.admit([], LEADERS, at_noon) == came


@given(st.lists(st.tuples(st.sampled_from(["SOL-USD", *LEADERS]), st.floats(0, 3))))
def test_each_bar_comes_out_once_and_those_of_a_symbol_in_order(
    steps: list[tuple[str, float]],
) -> None:
    clock, closes, out, put = HandClock(NOON), {}, [], []
    waiting: Waiting[Live] = Waiting(2.0, clock)
    for symbol, pause_s in steps:
        clock.advance(pause_s)
        closes[symbol] = closes.get(symbol, NOON) + timedelta(minutes=1)
        put.append(Live(bar(closes[symbol], symbol), clock.now))
        out += waiting.admit([put[-1]], LEADERS, at_noon)
    out += waiting.release()
    assert waiting.left_s() is None
    for symbol in closes:
        assert [o for o in out if o.bar.symbol == symbol] == [
            p for p in put if p.bar.symbol == symbol
        ]
