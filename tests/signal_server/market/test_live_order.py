"""One symbol's order: each bar once, in order, whatever comes from stream and REST and when."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from signal_server.core.domain import Bar
from signal_server.market.live_bar import LiveBar, agree
from signal_server.market.live_order import (
    KEPT_BARS,
    MOST_SPANS,
    USUAL_BARS,
    Answer,
    Passed,
    SymbolOrder,
)
from signal_server.market.quality import BarFlag
from signal_server.market.spans import close_of

LAST = 1_000_000
HOLD_S = 3.0
AT = datetime(2026, 1, 1, tzinfo=UTC)


def bar(number: int, close: float = 1.0) -> Bar:
    return Bar("BTC-USD", close_of(number, 60), 1.0, 2.0, 0.5, close, 1.0)


def live(number: int, *, repaired: bool = False) -> LiveBar:
    return LiveBar(bar(number), AT, repaired)


@dataclass(slots=True)
class Desk:
    """An order and what has left it."""

    order: SymbolOrder = field(default_factory=lambda: SymbolOrder(LAST, {LAST: bar(LAST)}, HOLD_S))
    out: Passed = field(default_factory=Passed)

    def take(self, *numbers: int, now_s: float = 0.0) -> None:
        for number in numbers:
            self.order.follow(LAST + number)
            self.order.take(LAST + number, live(LAST + number), now_s, self.out)

    def settle(self, after: int, last: int, *found: int, sure: int | None = None) -> None:
        bars = {LAST + n: live(LAST + n, repaired=True) for n in found}
        span = (LAST + after, LAST + last)
        until = LAST + (last if sure is None else sure)
        self.order.settle(Answer(span, bars, until), 0.0, self.out)

    @property
    def numbers(self) -> list[int]:
        return [int(one.bar.close_time.timestamp()) // 60 - LAST for one in self.out.ready]


def test_bars_wait_for_those_that_were_missed_before_them() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 2))
    desk.take(3, 4)
    assert desk.numbers == []
    desk.settle(0, 2, 1, 2)
    assert desk.numbers == [1, 2, 3, 4]
    assert [one.repaired for one in desk.out.ready] == [True, True, False, False]
    assert not any(one.flags for one in desk.out.ready)


def test_they_wait_no_longer_than_they_may_and_say_that_bars_are_missing() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 2))
    desk.take(3, now_s=10.0)
    desk.order.expire(10.0 + HOLD_S - 0.01, desk.out)
    assert desk.numbers == []
    desk.order.expire(10.0 + HOLD_S, desk.out)
    desk.take(4, now_s=14.0)
    assert desk.numbers == [3, 4]
    assert [one.flags for one in desk.out.ready] == [(BarFlag.HOLE,)] * 2
    desk.settle(0, 2, 1, 2)
    desk.take(5)
    assert desk.numbers == [3, 4, 1, 2, 5]
    assert [one.repaired for one in desk.out.ready] == [False, False, True, True, False]
    assert desk.out.ready[-1].flags == ()


def test_a_late_bar_takes_its_place_as_repaired_and_is_asked_for_no_more() -> None:
    desk = Desk()
    desk.take(1, 3, 2)
    assert desk.numbers == [1, 3, 2]
    assert desk.out.ready[-1].repaired
    assert not desk.order.doubtful


def test_a_late_bar_lets_go_those_that_wait_for_it() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 1))
    desk.take(2, 1)
    assert desk.numbers == [1, 2]


def test_after_a_hole_was_passed_and_filled_bars_wait_again_for_the_next_one() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 1))
    desk.take(2)
    desk.order.expire(HOLD_S, desk.out)
    desk.take(1)
    desk.order.miss((LAST + 2, LAST + 3))
    desk.take(4, now_s=10.0)
    assert desk.numbers == [2, 1]
    desk.settle(2, 3, 3)
    assert desk.numbers == [2, 1, 3, 4]


def test_however_much_is_refused_or_missed_memory_stays_small() -> None:
    refused, missed = Desk(), Desk()
    for number in range(1, 5 * KEPT_BARS, 2):
        span = (LAST + number, LAST + number + 1)
        refused.take(number, number + 2)
        answer = Answer(span, {}, span[1], refused=[span[1]])
        refused.order.settle(answer, 0.0, refused.out)
        refused.settle(number, number + 1)
        missed.take(number)
        missed.order.miss(span)
    assert len(refused.order._refusals) <= 2 * KEPT_BARS
    assert len(missed.order.lost) <= MOST_SPANS


def test_the_same_bar_again_is_nothing_and_other_values_are_told() -> None:
    desk = Desk()
    desk.take(1, 1)
    desk.order.take(LAST + 1, LiveBar(bar(LAST + 1, 1.5), AT, False), 0.0, desk.out)
    assert desk.numbers == [1]
    assert [one.close for one in desk.out.again] == [1.5]


def test_a_gap_is_doubtful_and_missed_at_once_where_gaps_are_unusual() -> None:
    desk = Desk()
    desk.take(*range(1, USUAL_BARS), USUAL_BARS + 1)
    assert list(desk.order.doubtful) == [(LAST + USUAL_BARS - 1, LAST + USUAL_BARS)]
    assert not desk.order.lost
    begin = USUAL_BARS + 2
    desk.take(*range(begin, begin + USUAL_BARS), begin + USUAL_BARS + 1)
    assert list(desk.order.lost) == [(LAST + begin + USUAL_BARS - 1, LAST + begin + USUAL_BARS)]


def test_what_rest_lacks_is_asked_for_again_if_it_is_too_new() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 4))
    desk.settle(0, 4, 1, sure=2)
    assert not desk.order.lost
    assert list(desk.order.doubtful) == [(LAST + 2, LAST + 4)]
    desk.settle(0, 4)
    assert not desk.order.doubtful


def test_a_bar_that_rest_has_but_that_cannot_be_used_is_asked_for_again_but_not_for_ever() -> None:
    desk = Desk()
    desk.order.miss((LAST, LAST + 1))
    times = 0
    while desk.order.lost or desk.order.doubtful:
        span = (LAST, LAST + 1)
        desk.order.settle(Answer(span, {}, LAST + 1, refused=[LAST + 1]), 0.0, desk.out)
        times += 1
    assert 1 < times < 10


def test_a_bar_from_before_memory_is_left_to_rest_and_the_store() -> None:
    desk = Desk()
    desk.take(*range(1, 3 * KEPT_BARS))
    assert desk.order.floor > LAST + 1
    desk.out.ready.clear()
    desk.take(1)
    assert list(desk.order.doubtful) == [(LAST, LAST + 1)]
    bars = {LAST + 1: live(LAST + 1, repaired=True), LAST + 2: live(LAST + 2, repaired=True)}
    answer = Answer((LAST, LAST + 2), bars, LAST + 2, stored=[LAST + 1])
    desk.order.settle(answer, 0.0, desk.out)
    assert desk.numbers == [2]
    assert desk.out.again == [bar(LAST + 1)]


def test_an_empty_store_begins_with_the_stream_and_not_with_what_rest_has_before() -> None:
    order, out = SymbolOrder(None, {}, HOLD_S), Passed()
    order.begin(LAST + 1)
    found = {LAST + n: live(LAST + n, repaired=True) for n in range(-2, 2)}
    order.miss((LAST - 3, LAST + 1))
    order.settle(Answer((LAST - 3, LAST + 1), found, LAST + 1), 0.0, out)
    assert [one.bar for one in out.ready] == [bar(LAST + 1)]


def test_values_agree_if_what_is_unknown_is_unknown_to_both() -> None:
    assert agree(bar(1), bar(1))
    assert not agree(bar(1), bar(1, 1.25))
    known = Bar("BTC-USD", close_of(1, 60), 1.0, 2.0, 0.5, 1.0, 1.0, 1.1, 7.0)
    assert not agree(bar(1), known)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 25)),
        st.tuples(st.just("miss"), st.tuples(st.integers(0, 25), st.integers(0, 25))),
        st.tuples(st.just("settle"), st.tuples(st.integers(0, 25), st.integers(0, 25))),
        st.tuples(st.just("expire"), st.integers(0, 20)),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(steps, st.sets(st.integers(1, 25)))
def test_whatever_happens_each_bar_leaves_once_and_only_repaired_ones_out_of_order(
    done: list[tuple[str, object]], traded: set[int]
) -> None:
    desk, told = Desk(), set[int]()
    for what, value in done:
        if what == "take" and value in traded:
            desk.take(value)
            told.add(value)
        elif what == "miss":
            desk.order.miss((LAST + value[0], LAST + value[1]))
        elif what == "settle":
            after, last = value
            if after < last:
                found = [n for n in traded if after < n <= last]
                desk.settle(after, last, *found)
                told.update(found)
        elif what == "expire":
            desk.order.expire(float(value), desk.out)
    desk.order.expire(float("inf"), desk.out)
    assert sorted(desk.numbers) == sorted(told)
    streamed = [n for n, one in zip(desk.numbers, desk.out.ready, strict=True) if not one.repaired]
    assert streamed == sorted(streamed)
