import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken import allowance
from hummingbot_scripts.ml_signals.kraken.allowance import RESERVE, Allowance, Quota

STARTER = Quota(15, 0.33)
METHODS = ("AddOrder", "OpenOrders", "QueryOrders", "TradesHistory", "ClosedOrders", "Balance")


class Waiting:
    """An allowance whose time passes only when it waits."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.allowance = Allowance(STARTER, lambda: self.now)
        monkeypatch.setattr(allowance.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def waited(self, method: str, count: int = 1, **parameters: str) -> float:
        before = self.now
        for _ in range(count):
            await self.allowance.take(method, parameters)
        return self.now - before


async def test_calls_wait_only_when_kraken_would_refuse_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting(monkeypatch)
    assert await waiting.waited("QueryOrders", 15) == 0
    assert await waiting.waited("QueryOrders") == pytest.approx(1 / 0.33, rel=0.01)


async def test_orders_never_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(monkeypatch)
    waiting.allowance.exhausted()
    assert await waiting.waited("AddOrder", 50) == 0
    assert await waiting.waited("CancelOrder", 50) == 0


async def test_what_can_wait_leaves_room_for_what_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(monkeypatch)
    await waiting.waited("TradesHistory", 10)
    assert await waiting.waited("QueryOrders", int(RESERVE)) == 0


async def test_a_search_for_one_order_cannot_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Waiting(monkeypatch)
    await waiting.waited("Balance", 10)
    assert await waiting.waited("ClosedOrders", userref="7") == 0


@given(st.lists(st.tuples(st.sampled_from(METHODS), st.floats(0, 10)), max_size=60))
def test_kraken_s_counter_never_runs_over(calls: list[tuple[str, float]]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(_make(calls, Waiting(monkeypatch)))


async def _make(calls: list[tuple[str, float]], waiting: Waiting) -> None:
    counter, at = 0.0, 0.0
    for method, pause_s in calls:
        waiting.now += pause_s
        await waiting.waited(method)
        counter, at = max(counter - (waiting.now - at) * STARTER.back_a_second, 0), waiting.now
        counter += {"AddOrder": 0, "TradesHistory": 2}.get(method, 1)
        assert counter <= STARTER.most


async def test_urgent_calls_use_the_reserve_that_others_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = Waiting(monkeypatch)
    await waiting.waited("QueryOrders", 12)
    before = waiting.now
    await waiting.allowance.take("Balance", {}, urgent=True)
    assert waiting.now == before
    assert await waiting.waited("Balance") > RESERVE / STARTER.back_a_second / 2
    assert await waiting.waited("OpenOrders") > 0


async def test_a_counter_that_counts_refused_calls_too_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kraken's counter is not known after a restart; this one was left far above its limit."""
    waiting = Waiting(monkeypatch)
    counter, at, refused = 22.0, 0.0, 0
    for _ in range(20):
        await waiting.waited("QueryOrders")
        counter = max(counter - (waiting.now - at) * STARTER.back_a_second, 0) + 1
        at = waiting.now
        if counter <= STARTER.most:
            waiting.allowance.accepted()
            break
        refused += 1
        waiting.allowance.exhausted()
    assert refused <= 4
    assert waiting.now < 60
