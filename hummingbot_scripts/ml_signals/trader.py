"""The trader: at every tick it settles what ended, decides about every coin, and acts on it."""

import logging
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .client import ReceivedSignal
from .clock import Clock
from .config import MLSignalStrategyConfig
from .desk import Desk
from .entries import entry_on, executor_for, plan_of
from .exchange import Exchange
from .exits import exit_reason, settled_state
from .journal import Journal
from .links import ServerLinks
from .outcomes import Outcome, OutcomeLog, outcome_of
from .positions import PositionBook
from .reconciliation import Adoption
from .recovering import Recovery
from .rules import Action, Decision, ExitReason, RiskState, decide
from .sizing import Obstacle, Quote, size_entry
from .trades import PositionState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the trader works with."""

    exchange: Exchange
    journal: Journal
    book: PositionBook
    links: ServerLinks
    desk: Desk
    clock: Clock


class Trader:
    """Joins rules, journal, exchange and executors.

    Entries wait until `recovery` has settled what an earlier run left.
    """

    def __init__(self, config: MLSignalStrategyConfig, parts: Parts) -> None:
        """Prepare to trade; nothing is done before `tick`."""
        self.config = config
        self.parts = parts
        self.outcomes = OutcomeLog()
        self.recovery = Recovery(parts.exchange, parts.book, self._adopt, parts.clock)
        self._book, self._desk = parts.book, parts.desk

    def tick(self) -> None:
        """Settle what ended, then decide about every coin."""
        for _, executor in self._desk.take_finished():
            self.settle(executor)
        changed = [outcome for symbol in self.config.symbols if (outcome := self._consider(symbol))]
        if changed:
            self.parts.journal.add_outcomes(changed, self.parts.clock())

    def settle(self, executor: Any) -> None:
        """Journal what has become of a position that its executor has let go of."""
        position_id, symbol = executor.config.id, executor.config.trading_pair
        kept = executor.close_type is not None and executor.close_type.name == "POSITION_HOLD"
        left = self._book.open_amount(position_id)
        state = settled_state(left, self.parts.exchange.min_size(symbol), kept=kept)
        reason = self.reason_of(executor) if state is PositionState.CLOSED else None
        self._book.finished(position_id, state, reason)
        if state is PositionState.UNRESOLVED:
            logger.error("%s: %s are not sold; start the bot again to have them.", symbol, left)

    def reason_of(self, executor: Any) -> ExitReason | None:
        """Return why an executor leaves its position, None while it does not."""
        if executor is None or executor.close_type is None:
            return None
        noted = self._book.position(executor.config.id).exit_reason
        return exit_reason(executor.close_type.name, noted)

    def close(self, symbol: str, reason: ExitReason, signal_id: int | None = None) -> None:
        """Leave a position for a reason of the bot's own."""
        self._book.closing(symbol, reason, signal_id)
        self._desk.stop(symbol, keep=False)

    def _consider(self, symbol: str) -> Outcome | None:
        """Decide about a coin and act; return the outcome if it is worth writing down."""
        received = self.parts.links.signal(symbol)
        decision = self._decide(symbol, received)
        obstacle = self._carry_out(symbol, decision, received)
        outcome = outcome_of(symbol, decision, obstacle)
        return outcome if self.outcomes.note(outcome) else None

    def _decide(self, symbol: str, received: ReceivedSignal | None) -> Decision:
        state = RiskState(
            held_symbols=self._book.held_symbols,
            last_exit_at=self._book.last_exit_at(symbol),
            last_acted_signal_id=self._book.last_acted_signal_id(symbol),
        )
        view = received.view if received else None
        return decide(symbol, view, state, self.parts.clock(), self.config.rules)

    def _carry_out(
        self, symbol: str, decision: Decision, received: ReceivedSignal | None
    ) -> Obstacle | None:
        if decision.action is Action.NOTHING or received is None:
            return None
        if decision.action is Action.CLOSE:
            return self._leave(symbol, received)
        if not self.recovery.settled:
            return Obstacle.LEFT_BEHIND
        quote = self.parts.exchange.quote(symbol)
        return quote if isinstance(quote, Obstacle) else self._enter(received, quote)

    def _enter(self, received: ReceivedSignal, quote: Quote) -> Obstacle | None:
        amount = size_entry(self.config.rules.quote_size, quote)
        if isinstance(amount, Obstacle):
            return amount
        now = self.parts.clock()
        plan = plan_of(self.config.rules, amount, quote.mid, now)
        entry = entry_on(self.parts.exchange.name, received, plan, now)
        self._book.opened(entry.position)
        self._desk.open(entry.position.symbol, entry.executor)
        return None

    def _leave(self, symbol: str, received: ReceivedSignal) -> Obstacle | None:
        if symbol not in self._desk:
            return Obstacle.LEFT_BEHIND
        if self._desk.is_closing(symbol):
            return Obstacle.CLOSING
        self.close(symbol, ExitReason.SIGNAL_DOWN, received.view.id)
        return None

    def _adopt(self, adoption: Adoption) -> None:
        position = adoption.position
        plan = position.plan or plan_of(
            self.config.rules, position.amount, position.reference_price, position.opened_at
        )
        executor = executor_for(self.parts.exchange.name, adoption, plan)
        self._desk.open(position.symbol, executor)

    def net_share(self, symbol: str) -> Decimal | None:
        """Return a position's profit now as a share of its cost, net of fees paid; None if none."""
        executor = self._desk.executor(symbol)
        if executor is None or not executor.open_filled_amount:
            return None
        share: Decimal = executor.get_net_pnl_pct()
        return share if share.is_finite() else None
