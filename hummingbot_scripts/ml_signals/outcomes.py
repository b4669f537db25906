"""What was decided, what came of it, and how often: the answer to "why does it do nothing?"."""

from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto

from .rules import Action, Decision
from .rules.guards import Guard
from .sizing import Obstacle


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision about one symbol and the final reason: the rule's, or what was in its way."""

    symbol: str
    action: Action
    reason: str
    signal_id: int | None


def outcome_of(symbol: str, decision: Decision, obstacle: Obstacle | Guard | None) -> Outcome:
    """Join a decision with what was in its way; with an obstacle nothing is done."""
    if obstacle is None:
        return Outcome(symbol, decision.action, decision.reason, decision.signal_id)
    return Outcome(symbol, Action.NOTHING, obstacle, decision.signal_id)


class Worth(Enum):
    """What an outcome is worth: nothing, being counted, or being written down as well."""

    NOTHING = auto()
    COUNTING = auto()
    WRITING = auto()


class OutcomeLog:
    """The last outcome of each symbol, and how often each reason was given.

    An outcome that repeats for the same signal counts once, however many ticks it lasts.
    """

    def __init__(self) -> None:
        """Start with nothing decided."""
        self._last: dict[str, Outcome] = {}
        self._counts: Counter[str] = Counter()

    @property
    def counts(self) -> dict[str, int]:
        """How often each reason was given, since the start."""
        return dict(self._counts)

    @property
    def last_reasons(self) -> dict[str, str]:
        """The newest reason of each symbol."""
        return {symbol: outcome.reason for symbol, outcome in self._last.items()}

    def note(self, outcome: Outcome) -> Worth:
        """Take an outcome; it is written down when something was done or the reason is another."""
        before = self._last.get(outcome.symbol)
        if before == outcome:
            return Worth.NOTHING
        self._last[outcome.symbol] = outcome
        self._counts[outcome.reason] += 1
        acted = outcome.action is not Action.NOTHING
        is_new = acted or before is None or before.reason != outcome.reason
        return Worth.WRITING if is_new else Worth.COUNTING
