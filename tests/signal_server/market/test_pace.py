"""No minute holds more calls than the plan allows, whoever makes them."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from signal_server.market.pace import WINDOW_S, Pace
from signal_server.market.patience import Patience, Trials


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@given(
    limit=st.integers(1, 6),
    pauses=st.lists(st.floats(0, 40), min_size=1, max_size=40),
)
def test_no_minute_holds_more_calls_than_the_plan(limit: int, pauses: list[float]) -> None:
    watch = Watch()
    pace = Pace(limit, watch)
    calls = []
    for pause in pauses:
        watch.now_s += pause
        watch.now_s += pace.take_turn()
        calls.append(watch.now_s)
    for first, last in zip(calls, calls[limit:], strict=False):
        assert last - first >= WINDOW_S - 1e-6


def test_a_plan_without_a_limit_never_waits() -> None:
    pace = Pace(0, Watch())
    assert [pace.take_turn() for _ in range(1000)] == [0.0] * 1000
    assert pace.ready


def test_calls_go_out_at_once_until_the_plan_is_used_up() -> None:
    watch = Watch()
    pace = Pace(5, watch)
    assert [pace.take_turn() for _ in range(6)] == [0.0] * 5 + [WINDOW_S]
    assert not pace.ready
    watch.now_s += 2 * WINDOW_S
    assert pace.ready


def test_all_wait_when_the_vendor_asks_for_it() -> None:
    watch = Watch()
    pace = Pace(0, watch)
    pace.hold(30)
    pace.hold(10)
    assert not pace.ready
    assert pace.take_turn() == 30
    watch.now_s += 30
    assert pace.ready


def test_threads_share_one_pace() -> None:
    pace = Pace(5, Watch())
    waits: list[float] = []
    threads = [
        threading.Thread(target=lambda: waits.extend(pace.take_turn() for _ in range(50)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == [WINDOW_S * (n // 5) for n in range(200)]


def test_waits_double_up_to_the_longest_and_end_with_patience() -> None:
    trials = Trials(Patience(1000, shortest_s=1, longest_s=8))
    waits = [trials.next_wait() for _ in range(6)]
    for wait, longest in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert wait is not None
        assert longest / 2 <= wait <= longest
    assert trials.next_wait(500) == 500
    assert trials.next_wait(1001) is None
    assert Trials(Patience(0)).next_wait() is None
