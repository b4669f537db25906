from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from hummingbot_scripts.ml_signals.rules import (
    Action,
    ControlMode,
    Decision,
    Halt,
    HaltKind,
    Reason,
    RiskState,
    RuleConfig,
    Side,
    SignalView,
    Sizing,
    decide,
    entry_size,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SYMBOLS = ("BTC-USD", "ETH-USD", "SOL-USD")
CONFIG = RuleConfig(
    min_confidence=Decimal("0.6"),
    quote_size=Decimal(100),
    max_positions=2,
    stop_loss=Decimal("0.05"),
    take_profit=Decimal("0.1"),
    time_limit_s=3600,
    cooldown_s=60,
    max_exposure_quote=Decimal(250),
)


def _halt(kind: HaltKind) -> Halt:
    return Halt(kind, NOW, None, "why", "how it ends")


signals = st.builds(
    SignalView,
    id=st.integers(1, 20),
    symbol=st.just("BTC-USD"),
    direction=st.sampled_from(Side),
    confidence=st.decimals(0, 1, places=3),
    valid_until=st.integers(-30, 30).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    flags=st.sampled_from([(), ("gap",)]),
)
states = st.builds(
    RiskState,
    held_symbols=st.frozensets(st.sampled_from(SYMBOLS)),
    last_exit_at=st.none() | st.integers(0, 120).map(lambda s: NOW - timedelta(seconds=s)),
    last_acted_signal_id=st.integers(0, 20),
    exposure=st.decimals(0, 300, places=2),
    capital=st.decimals(0, 2000, places=2),
    control=st.sampled_from(ControlMode),
    halts=st.lists(st.sampled_from(HaltKind).map(_halt), max_size=2).map(tuple),
)


def _up(**changes: object) -> SignalView:
    values = {
        "id": 5,
        "symbol": "BTC-USD",
        "direction": Side.UP,
        "confidence": Decimal("0.7"),
        "valid_until": NOW + timedelta(seconds=30),
    }
    return SignalView(**(values | changes))


@given(signals, states)
def test_an_entry_rests_on_a_fresh_clean_new_confident_up(
    signal: SignalView, state: RiskState
) -> None:
    decision = decide("BTC-USD", signal, state, NOW, CONFIG)
    if decision.action is Action.ENTER:
        assert signal.direction is Side.UP
        assert signal.confidence >= CONFIG.min_confidence
        assert signal.valid_until > NOW
        assert not signal.flags
        assert signal.id > state.last_acted_signal_id


@given(signals, states)
def test_entries_keep_the_limits_of_positions_and_cool_down(
    signal: SignalView, state: RiskState
) -> None:
    if decide("BTC-USD", signal, state, NOW, CONFIG).action is Action.ENTER:
        assert "BTC-USD" not in state.held_symbols
        assert len(state.held_symbols) < CONFIG.max_positions
        assert state.last_exit_at is None or state.last_exit_at <= NOW - timedelta(seconds=60)


@given(signals, states)
def test_only_a_down_closes_and_only_what_is_held(signal: SignalView, state: RiskState) -> None:
    if decide("BTC-USD", signal, state, NOW, CONFIG).action is Action.CLOSE:
        assert signal.direction is Side.DOWN
        assert "BTC-USD" in state.held_symbols


@given(signals, states)
def test_a_signal_that_was_acted_on_does_nothing_again(
    signal: SignalView, state: RiskState
) -> None:
    acted = RiskState(state.held_symbols, state.last_exit_at, signal.id)
    assert decide("BTC-USD", signal, acted, NOW, CONFIG).action is Action.NOTHING


@given(signals, states)
def test_a_decision_has_no_memory(signal: SignalView, state: RiskState) -> None:
    first = decide("BTC-USD", signal, state, NOW, CONFIG)
    assert decide("BTC-USD", signal, state, NOW, CONFIG) == first


@given(signals, states)
def test_nothing_is_opened_while_halted_or_told_not_to(
    signal: SignalView, state: RiskState
) -> None:
    if decide("BTC-USD", signal, state, NOW, CONFIG).action is Action.ENTER:
        assert not state.halts
        assert state.control is ControlMode.RUN


@given(signals, states)
def test_halts_and_stopped_entries_do_not_keep_down_from_closing(
    signal: SignalView, state: RiskState
) -> None:
    free = replace(state, halts=(), control=ControlMode.RUN)
    closes = decide("BTC-USD", signal, free, NOW, CONFIG).action is Action.CLOSE
    now = decide("BTC-USD", signal, state, NOW, CONFIG).action is Action.CLOSE
    assert now == (closes and state.control is not ControlMode.PAUSE)


@given(signals, states, st.sampled_from(Sizing))
def test_no_entry_takes_the_money_at_risk_over_the_limit(
    signal: SignalView, state: RiskState, sizing: Sizing
) -> None:
    config = replace(CONFIG, sizing=sizing)
    measured = replace(signal, volatility=0.001, bar_seconds=60)
    if decide("BTC-USD", measured, state, NOW, config).action is Action.ENTER:
        size = entry_size(measured, state.capital, config)
        assert size > 0
        assert state.exposure + size <= Decimal(250)


def test_without_a_signal_nothing_is_done() -> None:
    decision = decide("BTC-USD", None, RiskState(()), NOW, CONFIG)
    assert decision == Decision(Action.NOTHING, Reason.NO_SIGNAL)


def test_the_reason_names_what_is_in_the_way() -> None:
    cases = {
        Reason.STALE_SIGNAL: (_up(valid_until=NOW), RiskState(())),
        Reason.FLAGGED_DATA: (_up(flags=("gap",)), RiskState(())),
        Reason.NOT_UP: (_up(direction=Side.FLAT), RiskState(())),
        Reason.LOW_CONFIDENCE: (_up(confidence=Decimal("0.59")), RiskState(())),
        Reason.ALREADY_HOLDING: (_up(), RiskState(("BTC-USD",))),
        Reason.TOO_MANY_POSITIONS: (_up(), RiskState(("ETH-USD", "SOL-USD"))),
        Reason.COOLING_DOWN: (_up(), RiskState((), NOW - timedelta(seconds=59))),
        Reason.ALREADY_ACTED: (_up(), RiskState((), None, 5)),
        Reason.TOO_MUCH_AT_RISK: (_up(), RiskState((), exposure=Decimal("150.01"))),
        Reason.ENTRIES_STOPPED: (_up(), RiskState((), control=ControlMode.STOP_ENTRIES)),
        Reason.PAUSED: (_up(), RiskState((), control=ControlMode.PAUSE)),
        Reason.FLATTENING: (_up(), RiskState((), control=ControlMode.FLATTEN)),
        Reason.HALT_DRIFT: (_up(), RiskState((), halts=(_halt(HaltKind.DRIFT),))),
    }
    for reason, (signal, state) in cases.items():
        assert decide("BTC-USD", signal, state, NOW, CONFIG).reason is reason


def test_each_halt_has_a_reason_of_its_own() -> None:
    states = [RiskState((), halts=(_halt(kind),)) for kind in HaltKind]
    reasons = {decide("BTC-USD", _up(), state, NOW, CONFIG).reason for state in states}
    assert reasons == {Reason[f"HALT_{kind}"] for kind in HaltKind}


def test_a_pause_holds_back_down_too() -> None:
    state = RiskState(("BTC-USD",), control=ControlMode.PAUSE)
    decision = decide("BTC-USD", _up(direction=Side.DOWN), state, NOW, CONFIG)
    assert decision == Decision(Action.NOTHING, Reason.PAUSED, 5)


def test_sizing_by_volatility_needs_a_volatility_and_a_capital() -> None:
    config = replace(CONFIG, sizing=Sizing.VOLATILITY)
    unknown, poor = RiskState((), capital=Decimal(1000)), RiskState(())
    measured = _up(volatility=0.001, bar_seconds=60)
    assert decide("BTC-USD", _up(), unknown, NOW, config).reason is Reason.NO_VOLATILITY
    assert decide("BTC-USD", measured, poor, NOW, config).reason is Reason.NO_CAPITAL
    assert decide("BTC-USD", measured, unknown, NOW, config).action is Action.ENTER
    assert entry_size(_up(), Decimal(1000), config) == 0


def test_a_text_is_never_used_for_two_reasons() -> None:
    assert len({reason.value for reason in Reason}) == len(Reason.__members__)
