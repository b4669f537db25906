"""The trading rules: pure decisions, the same in the bot and in the backtest."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum


class Side(StrEnum):
    """The direction that a signal predicts."""

    DOWN = "DOWN"
    FLAT = "FLAT"
    UP = "UP"


class Action(StrEnum):
    """What to do about one symbol now."""

    ENTER = "ENTER"
    CLOSE = "CLOSE"
    NOTHING = "NOTHING"


class Reason(StrEnum):
    """Why a decision was taken; the text that status pages and logs show."""

    CONFIDENT_UP = "UP with enough confidence"
    DOWN_CLOSES_LONG = "DOWN closes the long"
    NO_SIGNAL = "no signal yet"
    STALE_SIGNAL = "signal has expired"
    ALREADY_ACTED = "this signal was acted on already"
    FLAGGED_DATA = "signal rests on flagged data"
    NOT_UP = "signal is not UP"
    LOW_CONFIDENCE = "confidence below the minimum"
    ALREADY_HOLDING = "already holding this coin"
    TOO_MANY_POSITIONS = "as many positions as allowed"
    COOLING_DOWN = "cooling down after an exit"


class ExitReason(StrEnum):
    """Why a position was closed, as the trade log records it."""

    STOP_LOSS = "STOP_LOSS"
    TAKE_PROFIT = "TAKE_PROFIT"
    TIME_LIMIT = "TIME_LIMIT"
    SIGNAL_DOWN = "SIGNAL_DOWN"
    EARLY_STOP = "EARLY_STOP"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """The limits of the rules.

    `min_confidence` is a probability; `quote_size` is in quote currency; `stop_loss` and
    `take_profit` are shares of the entry price, counted after the fee of the entry alone.
    """

    min_confidence: Decimal
    quote_size: Decimal
    max_positions: int
    stop_loss: Decimal
    take_profit: Decimal
    time_limit_s: int
    cooldown_s: int = 0


@dataclass(frozen=True, slots=True)
class SignalView:
    """The part of a signal that the rules look at. Times are tz-aware UTC."""

    id: int
    symbol: str
    direction: Side
    confidence: Decimal
    valid_until: datetime
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the trader holds and has done, as the rules need it."""

    held_symbols: Collection[str]
    last_exit_at: datetime | None = None
    last_acted_signal_id: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """An action about one symbol, with its reason and the signal it rests on."""

    action: Action
    reason: Reason
    signal_id: int | None = None


def decide(
    symbol: str, signal: SignalView | None, state: RiskState, now: datetime, config: RuleConfig
) -> Decision:
    """Decide about `symbol`; `state.last_*` are those of this symbol.

    A position is only ever long: UP enters, DOWN closes. Whatever is missing, expired or
    flagged leads to nothing; the native exits of a position do not depend on this.
    """
    if signal is None:
        return Decision(Action.NOTHING, Reason.NO_SIGNAL)
    refusal = _refuse_signal(signal, state, now, config)
    if refusal is not None:
        return Decision(Action.NOTHING, refusal, signal.id)
    if symbol in state.held_symbols:
        return _about_holding(signal)
    return _about_entry(signal, state, now, config)


def _refuse_signal(
    signal: SignalView, state: RiskState, now: datetime, config: RuleConfig
) -> Reason | None:
    if now >= signal.valid_until:
        return Reason.STALE_SIGNAL
    if signal.id <= state.last_acted_signal_id:
        return Reason.ALREADY_ACTED
    if signal.flags:
        return Reason.FLAGGED_DATA
    if signal.confidence < config.min_confidence:
        return Reason.LOW_CONFIDENCE
    return None


def _about_holding(signal: SignalView) -> Decision:
    if signal.direction is Side.DOWN:
        return Decision(Action.CLOSE, Reason.DOWN_CLOSES_LONG, signal.id)
    return Decision(Action.NOTHING, Reason.ALREADY_HOLDING, signal.id)


def _about_entry(
    signal: SignalView, state: RiskState, now: datetime, config: RuleConfig
) -> Decision:
    if signal.direction is not Side.UP:
        return Decision(Action.NOTHING, Reason.NOT_UP, signal.id)
    if len(state.held_symbols) >= config.max_positions:
        return Decision(Action.NOTHING, Reason.TOO_MANY_POSITIONS, signal.id)
    if _cooling_down(state, now, config):
        return Decision(Action.NOTHING, Reason.COOLING_DOWN, signal.id)
    return Decision(Action.ENTER, Reason.CONFIDENT_UP, signal.id)


def _cooling_down(state: RiskState, now: datetime, config: RuleConfig) -> bool:
    if state.last_exit_at is None:
        return False
    return (now - state.last_exit_at).total_seconds() < config.cooldown_s
