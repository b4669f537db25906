"""The trading rules: pure decisions, the same in the bot and in the backtest."""

from .control import ControlMode, strictest
from .decision import RiskState, RuleConfig, decide, entry_size
from .halts import Halt, HaltConfig, HaltFacts, HaltKind, update_halts
from .size import Sizing
from .vocabulary import Action, Decision, ExitReason, Reason, Side, SignalView

__all__ = [
    "Action",
    "ControlMode",
    "Decision",
    "ExitReason",
    "Halt",
    "HaltConfig",
    "HaltFacts",
    "HaltKind",
    "Reason",
    "RiskState",
    "RuleConfig",
    "Side",
    "SignalView",
    "Sizing",
    "decide",
    "entry_size",
    "strictest",
    "update_halts",
]
