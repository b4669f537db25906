"""The decision about one coin: composes the rules. Pure, the same in the bot and the backtest."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from .confidence import refuse_confidence
from .control import ControlMode, ignores_signals, refuse_entry
from .cooldown import cooling_down
from .exposure import refuse_exposure
from .freshness import refuse_signal
from .halts import Halt, refuse_halted
from .models import refuse_model
from .positions import refuse_position
from .size import Holding, SizeConfig, Sizing, quote_size
from .vocabulary import Action, Decision, Reason, Side, SignalView

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """The limits of the rules.

    `min_confidence` is a probability; `quote_size` is in quote currency; `stop_loss` and
    `take_profit` are shares of the entry price, counted after the fee of the entry alone, and so
    are `trailing_*`: from `trailing_activation` of profit on, the position is sold when it has
    fallen by `trailing_delta` from its best. `models` are those that may be followed, as `name` or
    `name@schema`; none means any.
    """

    min_confidence: Decimal
    quote_size: Decimal
    max_positions: int
    stop_loss: Decimal
    take_profit: Decimal
    time_limit_s: int
    cooldown_s: int = 0
    sizing: Sizing = Sizing.FIXED
    risk_per_trade: Decimal = Decimal("0.005")
    max_position_share: Decimal = Decimal("0.10")
    max_exposure_quote: Decimal | None = None
    trailing_activation: Decimal | None = None
    trailing_delta: Decimal | None = None
    models: Collection[str] = field(default=frozenset())

    @property
    def size(self) -> SizeConfig:
        """The part that decides about a position's size."""
        return SizeConfig(
            self.quote_size,
            self.sizing,
            self.risk_per_trade,
            self.max_position_share,
            self.max_exposure_quote,
        )


@dataclass(frozen=True, slots=True)
class RiskState:
    """What the trader holds and has done, as the rules need it.

    `last_*` are those of the coin in question; `exposure` is what all held coins have cost,
    `capital` all that there is, in quote currency; `halts` are those in force.
    """

    held_symbols: Collection[str]
    last_exit_at: datetime | None = None
    last_acted_signal_id: int = 0
    exposure: Decimal = ZERO
    capital: Decimal = ZERO
    control: ControlMode = ControlMode.RUN
    halts: Sequence[Halt] = ()


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
    refusal = _refuse_entry(signal, state, now, config)
    if refusal is not None:
        return Decision(Action.NOTHING, refusal, signal.id)
    return Decision(Action.ENTER, Reason.CONFIDENT_UP, signal.id)


def entry_size(signal: SignalView, capital: Decimal, config: RuleConfig) -> Decimal:
    """Return what a position on this signal is to cost, in quote currency; 0 if unknown."""
    size = _size(signal, capital, config)
    return ZERO if isinstance(size, Reason) else size


def _size(signal: SignalView, capital: Decimal, config: RuleConfig) -> Decimal | Reason:
    holding = Holding(config.stop_loss, config.time_limit_s)
    return quote_size(config.size, signal, capital, holding)


def _refuse_signal(
    signal: SignalView, state: RiskState, now: datetime, config: RuleConfig
) -> Reason | None:
    return (
        refuse_signal(signal, state.last_acted_signal_id, now)
        or refuse_model(signal, config.models)
        or refuse_confidence(signal.confidence, config.min_confidence)
        or (Reason.PAUSED if ignores_signals(state.control) else None)
    )


def _about_holding(signal: SignalView) -> Decision:
    if signal.direction is Side.DOWN:
        return Decision(Action.CLOSE, Reason.DOWN_CLOSES_LONG, signal.id)
    return Decision(Action.NOTHING, Reason.ALREADY_HOLDING, signal.id)


def _refuse_entry(
    signal: SignalView, state: RiskState, now: datetime, config: RuleConfig
) -> Reason | None:
    if signal.direction is not Side.UP:
        return Reason.NOT_UP
    if ordered := refuse_entry(state.control):
        return ordered
    if halted := refuse_halted(state.halts):
        return halted
    if cooling_down(state.last_exit_at, config.cooldown_s, now):
        return Reason.COOLING_DOWN
    if crowded := refuse_position(len(state.held_symbols), config.max_positions):
        return crowded
    size = _size(signal, state.capital, config)
    if isinstance(size, Reason):
        return size
    return refuse_exposure(state.exposure, size, config.max_exposure_quote)
