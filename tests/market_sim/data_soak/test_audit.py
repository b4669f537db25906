"""The audit notices each way in which bars can be lost, doubled, changed or out of order."""

from dataclasses import replace
from typing import Any

import pytest

from market_sim.data_soak.audit import LifeAudit, Truth, missing_problems
from market_sim.data_soak.diary import Delivered
from market_sim.data_soak.store_audit import store_problems
from market_sim.faults import FaultSwitch
from market_sim.polygon_events import BarEvents
from market_sim.polygon_pages import ms
from tests.market_sim.vendor import HISTORY_BARS, LIVE_BARS, seeded_market

SYMBOL = "BTC-USD"
MARKET = seeded_market()
FIRST = HISTORY_BARS
EARLY_STEP = HISTORY_BARS + 3


def bar_at(step: int) -> Any:
    bar = MARKET.bar(SYMBOL, step)
    assert bar is not None
    return bar


def early() -> Any:
    return replace(bar_at(EARLY_STEP), volume=1.0)


def half() -> Any:
    return replace(bar_at(FIRST), volume=2.0)


def truth() -> Truth:
    events = BarEvents(MARKET, FaultSwitch())
    events.early[SYMBOL, bar_at(EARLY_STEP).start] = early()
    events.unfinished[SYMBOL, bar_at(FIRST).start] = half()
    return Truth(events)


GIVEN = dict.fromkeys(MARKET.symbols, ms(MARKET.live_start))


def told(step: int, **changes: Any) -> Delivered:
    bar = changes.pop("bar", bar_at(step))
    close_ms = ms(bar.start) + 1000
    values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    usual = Delivered(SYMBOL, close_ms, values, False, close_ms + 5, 0.5, ())
    return replace(usual, **changes)


def audit(*held: int) -> LifeAudit:
    stored = {told(step).close_ms: told(step).numbers for step in held}
    return LifeAudit(truth(), {SYMBOL: stored, "ETH-USD": {}}, given=GIVEN)


def test_what_the_market_did_is_right_in_order_and_once() -> None:
    life = audit()
    life.take([told(FIRST), told(FIRST + 2)])
    life.take([told(FIRST + 1, repaired=True), told(EARLY_STEP), told(EARLY_STEP + 1)])
    assert life.problems == []
    assert life.counts["delivered as repaired"] == 1
    assert life.waits_ms == [0.5] * 4


def test_what_was_told_early_counts_as_right() -> None:
    life = audit()
    life.take([told(EARLY_STEP, bar=early())])
    assert life.problems == []


def test_an_unfinished_bar_is_wrong_unless_it_came_after_its_end() -> None:
    late, close_ms = audit(), told(FIRST).close_ms
    late.take([told(FIRST, bar=half())])
    assert late.problems == []
    held = {close_ms: told(FIRST, bar=half()).numbers}
    assert store_problems(late.truth, SYMBOL, held, {}) == []
    soon = audit()
    soon.take([told(FIRST, bar=half(), waited_ms=100.0)])
    assert len(soon.problems) == 1
    assert len(store_problems(soon.truth, SYMBOL, held, {})) == 1


@pytest.mark.parametrize(
    ("bars", "says"),
    [
        ([told(FIRST), told(FIRST, repaired=True)], "delivered twice"),
        ([told(FIRST + 1), told(FIRST)], "after a later one"),
        ([told(FIRST, numbers=(1.0, 1.0, 1.0, 1.0, 1.0))], "it was ("),
        ([told(FIRST, close_ms=told(FIRST).close_ms - 137)], "no such bar"),
        ([told(FIRST, handed_ms=told(FIRST).close_ms - 300)], "before it was over"),
        ([told(FIRST - 1)], "although it was held before"),
        ([told(FIRST + 5)], "although it was held before"),
    ],
)
def test_each_wrong_is_noticed(bars: list[Delivered], says: str) -> None:
    life = audit(FIRST + 5)
    life.take(bars)
    [problem] = life.problems
    assert says in problem
    assert problem.startswith("BTC-USD 12:00:0") or "although" in problem


def test_what_is_missing_is_named() -> None:
    life = audit(FIRST, FIRST + 1)
    life.take([told(step) for step in range(FIRST + 2, FIRST + LIVE_BARS)])
    missing = life.missing(ms(MARKET.ends_at))
    assert set(missing) == {"ETH-USD"}
    [problem] = missing_problems(missing, "downstream")
    assert problem == "ETH-USD: 60 bars are missing downstream, the first 12:00:01"


def test_a_slow_reader_makes_no_long_wait_of_the_stream() -> None:
    life = audit()
    life.paused()
    life.take([told(FIRST, waited_ms=4_000.0)])
    life.take([told(FIRST + 1)])
    assert life.waits_ms == [0.5]


def test_a_store_keeps_what_it_had_and_holds_nothing_else() -> None:
    one, two = told(FIRST), told(FIRST + 1)
    before = {one.close_ms: one.numbers, two.close_ms: two.numbers}
    assert store_problems(truth(), SYMBOL, before, before) == []
    [gone] = store_problems(truth(), SYMBOL, {one.close_ms: one.numbers}, before)
    assert "is gone" in gone
    [wrong] = store_problems(truth(), SYMBOL, {one.close_ms: two.numbers}, {})
    assert "it was (" in wrong


def test_first_seen_values_stay() -> None:
    first, later = told(EARLY_STEP, bar=early()), told(EARLY_STEP)
    held, before = {later.close_ms: later.numbers}, {first.close_ms: first.numbers}
    [changed] = store_problems(truth(), SYMBOL, held, before)
    assert "its first values changed" in changed
