from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import ExitReason
from hummingbot_scripts.ml_signals.rules.barriers import Levels, Trailing, raised, reached

LEVELS = Levels(stop_loss=95.0, take_profit=110.0, trailing=103.0)
PATH = st.lists(st.floats(50, 200), min_size=1, max_size=30)


def test_the_stop_goes_first_then_trailing_then_profit_then_time() -> None:
    assert reached(LEVELS, 95.0, 110.0, timed_out=True) is ExitReason.STOP_LOSS
    assert reached(LEVELS, 102.9, 110.0, timed_out=True) is ExitReason.TRAILING_STOP
    assert reached(LEVELS, 103.0, 110.0, timed_out=True) is ExitReason.TAKE_PROFIT
    assert reached(LEVELS, 103.0, 109.9, timed_out=True) is ExitReason.TIME_LIMIT
    assert reached(LEVELS, 103.0, 109.9, timed_out=False) is None


def test_levels_may_be_shares_of_profit_in_decimal() -> None:
    levels = Levels(Decimal("-0.05"), Decimal("0.10"))
    now = Decimal("-0.05")
    assert reached(levels, now, now, timed_out=False) is ExitReason.STOP_LOSS


def test_the_trailing_stop_arms_above_its_activation_only() -> None:
    trailing = Trailing(activation=103.0, delta=2.0)
    assert raised(None, 103.0, trailing) is None
    assert raised(None, 103.5, trailing) == 101.5
    assert raised(101.5, 103.0, trailing) == 101.5


@given(PATH, st.floats(1, 10))
def test_the_trailing_level_never_falls_and_keeps_its_distance(
    path: list[float], delta: float
) -> None:
    trailing, level = Trailing(activation=103.0, delta=delta), None
    for price in path:
        before, level = level, raised(level, price, trailing)
        assert level is not None or price <= 103.0
        assert before is None or (level is not None and level >= before)
        assert level is None or level >= price - delta
    assert level is None or level == max(path) - delta
