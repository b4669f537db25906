"""Trade the signal server's predictions: enter on UP, leave by stop, profit, time or DOWN.

A Hummingbot V2 script. It decides with the pure rules of `ml_signals.rules`, lets Hummingbot's
PositionExecutor guard each position, and journals every order before it is reported.
"""

import asyncio
from pathlib import Path
from typing import Any

import grpc
from hummingbot import data_path
from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.clock import Clock as TickClock
from hummingbot.core.data_type.common import OrderType
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
)
from hummingbot.strategy.strategy_v2_base import StrategyV2Base
from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executor_actions import (
    CreateExecutorAction,
    StopExecutorAction,
    StoreExecutorAction,
)
from hummingbot.strategy_v2.models.executors import CloseType

from .ml_signals import paper
from .ml_signals.client import ReceivedSignal, SignalFeed, Subscription
from .ml_signals.clock import utc_now
from .ml_signals.config import MLSignalStrategyConfig
from .ml_signals.entries import plan_entry
from .ml_signals.events import Sender
from .ml_signals.exchange import Exchange
from .ml_signals.journal import Journal
from .ml_signals.line import CHANNEL_OPTIONS
from .ml_signals.outcomes import OutcomeLog, outcome_of
from .ml_signals.positions import PositionBook, Submission, exit_reason, settled_state
from .ml_signals.reporter import TradeReporter
from .ml_signals.rules import Action, Decision, ExitReason, RiskState, decide
from .ml_signals.sizing import Obstacle, Quote
from .ml_signals.status import Holding, StatusPage, render
from .ml_signals.supervisor import supervise
from .ml_signals.trades import OrderSide, OrderStatus, PositionState

paper.install()  # Hummingbot imports this script before it builds the connectors

EXECUTOR_OWNER = "ml_signals"
RECENT_POSITIONS = 5


class MLSignalStrategy(StrategyV2Base):  # type: ignore[misc]
    """Follow the signal server and hold at most one long position a coin."""

    def __init__(
        self, connectors: dict[str, ConnectorBase], config: MLSignalStrategyConfig
    ) -> None:
        """Open the journal and prepare the line to the server; `start` begins to listen."""
        super().__init__(connectors, config)
        self._rules = config.rules
        self._exchange = Exchange(connectors[config.connector])
        self._journal = Journal(Path(data_path()) / f"ml_signals_{config.bot_id}.sqlite")
        address = config.server_address()
        self._channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
        self._reporter = TradeReporter(self._channel, self._journal, utc_now)
        sender = Sender(config.bot_id, config.mode, config.connector)
        self._book = PositionBook(self._journal, sender, utc_now, self._reporter.wake)
        subscription = Subscription(
            config.symbols, config.silence_timeout_s, self._book.newest_acted_signal_id
        )
        self._feed = SignalFeed(
            self._channel, subscription, utc_now, on_new_count=self._book.forget_signals
        )
        self._outcomes = OutcomeLog()
        self._executors: dict[str, PositionExecutor] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._checked_leftovers = False
        self.logger().info(f"Following the signal server at {address} in {config.mode} mode.")

    def start(self, clock: TickClock, timestamp: float) -> None:
        """Begin to listen to the server and to send it what happens."""
        super().start(clock, timestamp)
        self._tasks = [
            asyncio.create_task(supervise("The signal feed", self._feed.run)),
            asyncio.create_task(supervise("The trade reporter", self._reporter.run)),
            asyncio.create_task(self._exchange.fetch_minimums()),
        ]

    def on_tick(self) -> None:
        """Settle what ended, then decide about every symbol."""
        if self._is_stop_triggered:
            return
        self._check_leftovers()
        self._settle_finished()
        for symbol in self.config.symbols:
            self._consider(symbol)
        self.update_executors_info()

    async def on_stop(self) -> None:
        """Close or keep the positions, send what waits in the outbox, and let go."""
        self._is_stop_triggered = True
        for symbol in self._executors:
            self._stop_executor(symbol, keep=not self.config.close_on_stop)
        try:
            await super().on_stop()
        finally:
            for symbol in list(self._executors):
                self._settle(symbol)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            waiting = await self._reporter.flush(self.config.stop_timeout_s)
            await self._channel.close()
            self.logger().info(f"Stopped; {waiting} trade events wait for the next start.")

    def buy(
        self, connector_name: str, trading_pair: str, amount: Any, order_type: Any, *rest: Any
    ) -> str:
        """Hand a buy order to the exchange and journal it; executors order through this."""
        order_id = super().buy(connector_name, trading_pair, amount, order_type, *rest)
        self._journal_order(order_id, trading_pair, OrderSide.BUY, amount, order_type)
        return str(order_id)

    def sell(
        self, connector_name: str, trading_pair: str, amount: Any, order_type: Any, *rest: Any
    ) -> str:
        """Hand a sell order to the exchange and journal it; executors order through this."""
        order_id = super().sell(connector_name, trading_pair, amount, order_type, *rest)
        self._journal_order(order_id, trading_pair, OrderSide.SELL, amount, order_type)
        return str(order_id)

    def did_fill_order(self, event: OrderFilledEvent) -> None:
        """Journal a fill."""
        executor = self._executors.get(event.trading_pair)
        self._book.filled(self._exchange.fill_of(event), self._reason(executor))

    def did_complete_buy_order(self, event: BuyOrderCompletedEvent) -> None:
        """Journal that an entry is complete."""
        self._book.ended(event.order_id, OrderStatus.FILLED)

    def did_complete_sell_order(self, event: SellOrderCompletedEvent) -> None:
        """Journal that an exit is complete."""
        self._book.ended(event.order_id, OrderStatus.FILLED)

    def did_cancel_order(self, event: OrderCancelledEvent) -> None:
        """Journal a cancelled order."""
        self._book.ended(event.order_id, OrderStatus.CANCELED)

    def did_fail_order(self, event: MarketOrderFailureEvent) -> None:
        """Journal an order that the exchange did not take."""
        self._book.ended(event.order_id, OrderStatus.FAILED)

    def format_status(self) -> str:
        """Show positions, last signals with their age, and why nothing is done."""
        return f"{super().format_status()}\n\n{render(self._status_page())}"

    def balance_warning(self, market_trading_pair_tuples: list[Any]) -> list[str]:  # noqa: ARG002
        """Return nothing: the base class warns of coins not owned, and none are at the start."""
        return []

    def _consider(self, symbol: str) -> None:
        received = self._feed.latest(symbol)
        state = RiskState(
            held_symbols=self._book.held_symbols,
            last_exit_at=self._book.last_exit_at(symbol),
            last_acted_signal_id=self._book.last_acted_signal_id(symbol),
        )
        view = received.view if received else None
        decision = decide(symbol, view, state, utc_now(), self._rules)
        obstacle = self._carry_out(symbol, decision, received)
        outcome = outcome_of(symbol, decision, obstacle)
        if self._outcomes.note(outcome):
            self._journal.add_outcome(outcome, utc_now())

    def _carry_out(
        self, symbol: str, decision: Decision, received: ReceivedSignal | None
    ) -> Obstacle | None:
        if decision.action is Action.NOTHING or received is None:
            return None
        if decision.action is Action.CLOSE:
            return self._close(symbol, received)
        quote = self._exchange.quote(symbol)
        return quote if isinstance(quote, Obstacle) else self._enter(symbol, received, quote)

    def _enter(self, symbol: str, received: ReceivedSignal, quote: Quote) -> Obstacle | None:
        plan = plan_entry(self.config.connector, self._rules, received, quote, now=utc_now())
        if isinstance(plan, Obstacle):
            return plan
        self._book.opened(plan.position)
        orchestrator = self.executor_orchestrator
        orchestrator.execute_action(
            CreateExecutorAction(controller_id=EXECUTOR_OWNER, executor_config=plan.executor)
        )
        self._executors[symbol] = orchestrator.active_executors[EXECUTOR_OWNER][-1]
        return None

    def _close(self, symbol: str, received: ReceivedSignal) -> Obstacle | None:
        executor = self._executors.get(symbol)
        if executor is None:
            return Obstacle.LEFT_BEHIND
        if executor.status is not RunnableStatus.RUNNING:
            return Obstacle.CLOSING
        self._book.closing(symbol, ExitReason.SIGNAL_DOWN, received.view.id)
        self._stop_executor(symbol, keep=False)
        return None

    def _stop_executor(self, symbol: str, *, keep: bool) -> None:
        executor = self._executors[symbol]
        if executor.status is RunnableStatus.RUNNING:
            self.executor_orchestrator.execute_action(
                StopExecutorAction(
                    controller_id=EXECUTOR_OWNER, executor_id=executor.config.id, keep_position=keep
                )
            )

    def _settle_finished(self) -> None:
        for symbol, executor in list(self._executors.items()):
            if executor.is_closed:
                self._settle(symbol)
                self.executor_orchestrator.execute_action(
                    StoreExecutorAction(
                        controller_id=EXECUTOR_OWNER, executor_id=executor.config.id
                    )
                )

    def _settle(self, symbol: str) -> None:
        executor = self._executors.pop(symbol)
        position_id = executor.config.id
        kept = executor.close_type is CloseType.POSITION_HOLD
        left = self._book.open_amount(position_id)
        state = settled_state(left, self._exchange.min_size(symbol), kept=kept)
        reason = self._reason(executor) if state is PositionState.CLOSED else None
        self._book.finished(position_id, state, reason)
        if state is PositionState.UNRESOLVED:
            self.logger().error(f"{symbol}: {left} could not be sold; close it on the exchange.")

    def _reason(self, executor: PositionExecutor | None) -> ExitReason | None:
        if executor is None or executor.close_type is None:
            return None
        noted = self._book.position(executor.config.id).exit_reason
        return exit_reason(executor.close_type.name, noted)

    def _check_leftovers(self) -> None:
        if self._checked_leftovers:
            return
        self._checked_leftovers = True
        for position in self._book.left_behind:
            if not self._exchange.holds(position.symbol, position.amount):
                self._book.finished(position.position_id, PositionState.GONE, None)
            else:
                self.logger().error(
                    f"{position.symbol}: {position.amount} of an earlier run is still held and "
                    "nothing guards it; close it on the exchange, then start the bot again."
                )

    def _journal_order(
        self, order_id: str, symbol: str, side: OrderSide, amount: Any, order_type: OrderType
    ) -> None:
        mid = self._exchange.mid(symbol)
        self._book.submitted(Submission(order_id, symbol, side, order_type.name, amount, mid))

    def _status_page(self) -> StatusPage:
        line = self._feed.line
        return StatusPage(
            now=utc_now(),
            mode=self.config.mode,
            feed=f"{line.state}{f' ({line.problem})' if line.problem else ''}",
            outbox_waiting=self._journal.count_waiting(),
            outbox_refused=self._journal.count_refused(),
            outbox_problem=self._reporter.problem,
            holdings=[self._holding(symbol) for symbol in sorted(self._book.held_symbols)],
            signals={symbol: self._feed.latest(symbol) for symbol in self.config.symbols},
            reasons=self._outcomes.last_reasons,
            reason_counts=self._outcomes.counts,
            closed=[
                (position, self._book.pnl(position.position_id))
                for position in self._journal.recent_positions(RECENT_POSITIONS)
            ],
        )

    def _holding(self, symbol: str) -> Holding:
        executor = self._executors.get(symbol)
        position = self._book.held(symbol)
        filled = executor is not None and executor.open_filled_amount > 0
        return Holding(
            position=position,
            entry_price=self._book.entry(position.position_id).average_price,
            net_pnl_share=executor.get_net_pnl_pct() if executor and filled else None,
            closing=executor is not None and executor.status is not RunnableStatus.RUNNING,
            watched=executor is not None,
        )
