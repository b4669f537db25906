from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.kraken.server_clock import ServerClock

START = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.floats(-7200, 7200), st.floats(0, 1), st.floats(0, 1))
def test_kraken_s_time_is_known_to_two_seconds(
    apart_s: float, asked_s: float, way_s: float
) -> None:
    now = START + timedelta(seconds=asked_s)
    clock = ServerClock(lambda: now)
    true = now + timedelta(seconds=apart_s + way_s)
    asked, now = now, now + timedelta(seconds=2 * way_s)
    clock.measured(int(true.timestamp()), asked, now)
    assert abs(clock.now() - (true + timedelta(seconds=way_s))) <= timedelta(seconds=2)


def test_a_small_difference_is_none() -> None:
    clock = ServerClock(lambda: START)
    clock.measured(int(START.timestamp()) + 1, START, START)
    clock.measured(int(START.timestamp()), START, START)
    assert clock.now() == START
