"""Which question is asked next."""

from dataclasses import replace

from signal_server.market.live_order import Passed, SymbolOrder
from signal_server.market.live_patience import LivePatience
from signal_server.market.live_plan import CHUNK_BARS, OVERLAP_BARS, RepairPlan
from tests.signal_server.market.test_live_order import bar, live

NOW = 1_000_000
PATIENCE = replace(LivePatience(), doubt_s=30.0, doubt_bars=0, retry_s=1.0, longest_retry_s=4.0)


def orders(*names: str) -> dict[str, SymbolOrder]:
    return {name: SymbolOrder(NOW - 50, {NOW - 50: bar(NOW - 50)}, 3.0) for name in names}


def test_what_delays_live_bars_goes_first_then_what_is_lost_then_what_is_doubtful() -> None:
    held, lost, doubtful = (found := orders("A", "B", "C")).values()
    doubtful.doubt((NOW - 20, NOW - 10))
    lost.miss((NOW - 20, NOW - 10))
    held.miss((NOW - 20, NOW - 10))
    held.take(NOW - 5, live(NOW - 5), 0.0, Passed())
    plan = RepairPlan(found, 60, PATIENCE)
    asked = [plan.next(0.0, NOW) for _ in range(4)]
    assert [one[0] for one in asked if one is not None] == ["A", "B", "C"]
    assert asked[-1] is None


def test_one_question_covers_all_that_is_open_of_a_symbol_and_begins_with_a_bar_that_came() -> None:
    found = orders("A")
    found["A"].miss((NOW - 30, NOW - 25))
    found["A"].doubt((NOW - 10, NOW - 5))
    assert RepairPlan(found, 60, PATIENCE).next(0.0, NOW) == ("A", (NOW - 51, NOW - 5))


def test_a_long_hole_is_asked_for_in_chunks_and_no_bar_of_the_future() -> None:
    found = {"A": SymbolOrder(None, {}, 3.0)}
    found["A"].miss((NOW - 2 * CHUNK_BARS, NOW + 10))
    plan = RepairPlan(found, 60, PATIENCE)
    start = NOW - 2 * CHUNK_BARS
    assert plan.next(0.0, NOW) == ("A", (start - OVERLAP_BARS, start + CHUNK_BARS))
    found["A"].lost.remove((0, NOW - 3))
    plan.answered("A", 0.0)
    assert plan.next(0.0, NOW) == ("A", (NOW - 3 - OVERLAP_BARS, NOW))


def test_a_question_that_failed_waits_longer_each_time_and_others_do_not() -> None:
    found = orders("A", "B")
    found["A"].miss((NOW - 20, NOW - 10))
    plan = RepairPlan(found, 60, PATIENCE)
    now_s, waits = 0.0, []
    for _ in range(4):
        assert plan.next(now_s, NOW) is not None
        plan.failed("A", now_s)
        before = now_s
        while plan.next(now_s, NOW) is None:
            now_s += 0.5
        waits.append(now_s - before)
        found["A"].asking = False
    assert waits == [1.0, 2.0, 4.0, 4.0]
    found["B"].miss((NOW - 20, NOW - 10))
    plan.failed("A", now_s)
    assert plan.next(now_s, NOW) is not None


def test_doubts_are_asked_together_and_not_one_question_each() -> None:
    found = orders("A")
    plan = RepairPlan(found, 60, PATIENCE)
    questions = 0
    for second in range(600):
        found["A"].doubt((NOW - 600 + second, NOW - 599 + second))
        if plan.next(float(second), NOW) is not None:
            questions += 1
            found["A"].doubtful.remove((0, NOW))
            plan.answered("A", float(second))
    assert questions == 600 / PATIENCE.doubt_s


def test_doubts_leave_half_of_a_small_plan_to_what_is_urgent() -> None:
    found = orders(*(f"C{number}" for number in range(100)))
    assert RepairPlan(found, 60, PATIENCE, 5).doubt_every_s == 2 * 60 * 100 / 5
    assert RepairPlan(found, 60, PATIENCE).doubt_every_s == PATIENCE.doubt_s


def test_what_has_not_been_yet_does_not_delay_the_questions_of_others() -> None:
    found = orders("A", "B")
    found["A"].miss((NOW + 5, NOW + 10))
    found["A"].take(NOW + 11, live(NOW + 11), 0.0, Passed())
    found["B"].doubt((NOW - 20, NOW - 10))
    plan = RepairPlan(found, 60, PATIENCE)
    asked = plan.next(0.0, NOW)
    assert asked is not None
    assert asked[0] == "B"
    assert plan.next(0.0, NOW) is None
