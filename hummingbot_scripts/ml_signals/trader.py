"""The trader: at every tick it settles what ended, decides about every coin, and acts on it."""

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from .client import ReceivedSignal
from .config import MLSignalStrategyConfig
from .entrance import Entrance
from .entries import executor_for, plan_of
from .exits import exit_reason, settled_state
from .halting import Present
from .money import Money
from .outcomes import Outcome, OutcomeLog, Worth, outcome_of
from .parts import Parts
from .reconciliation import Adoption
from .recovering import Recovery
from .rules import Action, ControlMode, Decision, ExitReason, RiskState, decide
from .rules.guards import Guard
from .sizing import Obstacle
from .trades import ZERO, PositionState

logger = logging.getLogger(__name__)


class Trader:
    """Joins rules, journal, exchange and executors.

    Entries wait until `recovery` has settled what an earlier run left. `error` is what has gone
    wrong so that a person has to look.
    """

    def __init__(self, config: MLSignalStrategyConfig, parts: Parts) -> None:
        """Prepare to trade; nothing is done before `tick`."""
        self.config = config
        self.parts = parts
        self.outcomes = OutcomeLog()
        self.recovery = Recovery(parts.exchange, parts.book, self._adopt, parts.clock)
        self.error = ""
        self._book, self._desk = parts.book, parts.desk
        self.money = Money(parts.exchange, parts.book, parts.desk, config.symbols[0])
        self._rules = config.rules
        self._entrance = Entrance(config, parts, self.money)
        self._started_at = parts.clock()
        self._risk: RiskState | None = None
        self._trailing: dict[str, Decimal | None] = {}
        self._differences = ""

    async def recover(self) -> None:
        """Settle what nothing guards: what an earlier run left, or an executor let go of."""
        await self.recovery.run()
        self.money_moved()
        found = self.parts.journal.open_differences()
        self._differences = "; ".join(f"{each.symbol}: {each.words}" for each in found)

    # What happens at a tick

    def tick(self) -> None:
        """Settle what ended, obey what is ordered, then decide about every coin."""
        for _, executor in self._desk.take_finished():
            self.settle(executor)
        self._note_trailing()
        self._obey()
        self.parts.halts.update(self._present())
        if why := self._flattening():
            self._flatten(why)
        self._risk = None
        now = self.parts.clock()
        self._write_down([self._consider(symbol, now) for symbol in self.config.symbols])

    def settle(self, executor: Any) -> None:
        """Journal what has become of a position that its executor has let go of."""
        position_id, symbol = executor.config.id, executor.config.trading_pair
        kept = executor.close_type is not None and executor.close_type.name == "POSITION_HOLD"
        left = self._book.open_amount(position_id)
        state = settled_state(left, self.parts.exchange.min_size(symbol), kept=kept)
        if not executor.settled:  # an order of it may still land
            state = PositionState.UNRESOLVED
        reason = self.reason_of(executor) if state is PositionState.CLOSED else None
        self._book.finished(position_id, state, reason)
        self.money_moved()
        if state is PositionState.UNRESOLVED:
            what = f"{left:f} are not sold" if left else "what became of an order is not known"
            logger.error("%s: %s; the position is taken up again.", symbol, what)
            self.look_again()

    def alarm(self, error: str) -> None:
        """Halt entries because something went wrong that nobody foresaw."""
        self.error = error

    def money_moved(self) -> None:
        """Count what positions have cost and earned again: a fill has come, or one has ended."""
        self.money.moved()
        self.parts.halts.results_changed()

    def _note_trailing(self) -> None:
        for symbol, executor in self._desk:
            trigger = executor.trailing_trigger
            if trigger != self._trailing.get(symbol):
                self._trailing[symbol] = trigger
                self.parts.journal.note_trailing(executor.config.id, trigger)

    def _obey(self) -> None:
        resumed = self.parts.orders.read()
        if resumed is None:
            return
        self.error = ""
        for found in self._book.accept_differences(resumed.who):
            logger.warning("%s takes the account as it is: %s", resumed.who, found.words)
        self.look_again()

    def look_again(self) -> None:
        """Ask the exchange about positions that nothing guards."""
        self.recovery.settled = False

    def _present(self) -> Present:
        return Present(
            now=self.parts.clock(),
            open_pnl=self.money.open_pnl,
            capital=self.money.capital,
            health=self.parts.links.health,
            error=self.error or self.parts.journal.problem,
            unsettled=self._unsettled(),
            resumed_at=self.parts.orders.resumed_at,
        )

    def _unsettled(self) -> str:
        if not self.recovery.settled:
            return self.recovery.problem
        return self._differences

    # Flattening

    def _flattening(self) -> str:
        """Return why everything has to be sold, empty if nothing says so."""
        orders = self.parts.orders
        if orders.mode is ControlMode.FLATTEN:
            return f"ordered by {orders.why}"
        limit, silent_s = self.config.flatten_after_s, self._silent_s()
        return f"the server was silent for {silent_s:.0f} s" if 0 < limit < silent_s else ""

    def _silent_s(self) -> float:
        silent_s = self.parts.links.silent_s(self.parts.clock())
        if silent_s is not None:
            return silent_s
        return (self.parts.clock() - self._started_at).total_seconds()

    def _flatten(self, why: str) -> None:
        for symbol, _ in self._desk:
            if not self._desk.is_closing(symbol):
                logger.warning("%s is sold: %s.", symbol, why)
                self.close(symbol, ExitReason.FLATTENED)

    def close(self, symbol: str, reason: ExitReason, signal_id: int | None = None) -> None:
        """Leave a position for a reason of the bot's own."""
        self._book.closing(symbol, reason, signal_id)
        self._desk.stop(symbol, keep=False)

    # Decisions

    def _state(self) -> RiskState:
        return RiskState(
            held_symbols=self._book.held_symbols,
            exposure=self.money.at_risk,
            capital=self.money.capital or ZERO,
            control=self.parts.orders.mode,
            halts=self.parts.halts.active,
        )

    def _consider(self, symbol: str, now: datetime) -> tuple[Worth, Outcome]:
        """Decide about a coin and act; return what came of it, and what that is worth."""
        received = self.parts.links.signal(symbol)
        decision = self._decide(symbol, received, now)
        obstacle = self._carry_out(symbol, decision, received)
        outcome = outcome_of(symbol, decision, obstacle)
        return self.outcomes.note(outcome), outcome

    def _write_down(self, noted: Sequence[tuple[Worth, Outcome]]) -> None:
        written = [outcome for worth, outcome in noted if worth is Worth.WRITING]
        counted = [outcome.reason for worth, outcome in noted if worth is Worth.COUNTING]
        now = self.parts.clock()
        if written:
            self.parts.journal.add_outcomes(written, now)
        if counted:
            self.parts.journal.count_reasons(counted, now)

    def _decide(self, symbol: str, received: ReceivedSignal | None, now: datetime) -> Decision:
        if self._risk is None:
            self._risk = self._state()
        about = RiskState(
            held_symbols=self._risk.held_symbols,
            last_exit_at=self._book.last_exit_at(symbol),
            last_acted_signal_id=self._book.last_acted_signal_id(symbol),
            exposure=self._risk.exposure,
            capital=self._risk.capital,
            control=self._risk.control,
            halts=self._risk.halts,
        )
        view = received.view if received else None
        return decide(symbol, view, about, now, self._rules)

    def _carry_out(
        self, symbol: str, decision: Decision, received: ReceivedSignal | None
    ) -> Obstacle | Guard | None:
        if decision.action is Action.NOTHING or received is None:
            return None
        if decision.action is Action.CLOSE:
            return self._leave(symbol, received)
        if not self.recovery.settled:
            return Obstacle.LEFT_BEHIND
        obstacle = self._entrance.enter(received)
        if obstacle is None:
            self._risk = None  # what is decided next in this tick counts it
        return obstacle

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
            self._rules, position.amount, position.reference_price, position.opened_at
        )
        executor = executor_for(self.parts.exchange.name, adoption, plan)
        self._desk.open(position.symbol, executor)

    # What becomes of positions

    def reason_of(self, executor: Any) -> ExitReason | None:
        """Return why an executor leaves its position, None while it does not."""
        if executor is None or executor.close_type is None:
            return None
        noted = self._book.position(executor.config.id).exit_reason
        return exit_reason(executor.close_type.name, noted)

    def net_share(self, symbol: str) -> Decimal | None:
        """Return a position's profit now as a share of its cost, net of fees paid; None if none."""
        executor = self._desk.executor(symbol)
        if executor is None or not executor.open_filled_amount:
            return None
        share: Decimal = executor.get_net_pnl_pct()
        return share if share.is_finite() else None
