from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import ControlMode, strictest
from hummingbot_scripts.ml_signals.rules.control import ignores_signals, refuse_entry

ORDER = [ControlMode.RUN, ControlMode.STOP_ENTRIES, ControlMode.PAUSE, ControlMode.FLATTEN]


@given(st.lists(st.sampled_from(ControlMode)))
def test_the_strictest_order_holds(modes: list[ControlMode]) -> None:
    assert strictest(modes) is max(modes, key=ORDER.index, default=ControlMode.RUN)


def test_only_run_opens_and_only_a_pause_ignores_down() -> None:
    assert [mode for mode in ControlMode if refuse_entry(mode) is None] == [ControlMode.RUN]
    assert [mode for mode in ControlMode if ignores_signals(mode)] == [ControlMode.PAUSE]
