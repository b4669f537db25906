from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.skew import SkewGauge

SENT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
seconds = st.floats(0, 100)


def gauge(delays: list[float]) -> SkewGauge:
    gauge = SkewGauge()
    for delay in delays:
        gauge.note(SENT, SENT + timedelta(seconds=delay))
    return gauge


def test_nothing_is_known_before_the_first_message() -> None:
    assert SkewGauge().skew_s is None


@given(st.floats(-1000, 1000), st.lists(seconds, min_size=4, max_size=4))
def test_one_quick_message_of_five_shows_the_clocks_apart(skew: float, slow: list[float]) -> None:
    measured = gauge([skew, *(skew + delay for delay in slow)]).skew_s
    assert measured is not None
    assert abs(measured - skew) < 1e-5


def test_a_clock_that_is_set_shows_after_five_messages() -> None:
    assert gauge([0.1] * 5 + [60.0] * 5).skew_s == 60.0


def test_a_broken_line_forgets_its_measure() -> None:
    measured = gauge([3.0])
    measured.forget()
    assert measured.skew_s is None
