"""Trade the signal server's predictions: enter on UP, leave by stop, profit, time or DOWN.

A Hummingbot V2 script. It decides with the pure rules of `ml_signals.rules`, lets Hummingbot's
PositionExecutor guard each position, and journals every order before it is sent.
"""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

from hummingbot import data_path
from hummingbot.connector.connector_base import ConnectorBase
from hummingbot.core.clock import Clock as TickClock
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)
from hummingbot.strategy.strategy_v2_base import StrategyV2Base

from .ml_signals import config as settings
from .ml_signals import executor, kraken, paper
from .ml_signals.client import Subscription
from .ml_signals.clock import utc_now
from .ml_signals.control import LocalSwitch
from .ml_signals.desk import Desk
from .ml_signals.events import Sender
from .ml_signals.exchange import Exchange
from .ml_signals.halting import HaltKeeper
from .ml_signals.journal import Journal, Owner
from .ml_signals.kraken.auth import NONCES
from .ml_signals.kraken.connector import Sending
from .ml_signals.links import ServerLinks
from .ml_signals.ordering import Orders
from .ml_signals.pages import page_of
from .ml_signals.parts import Parts
from .ml_signals.positions import PositionBook, Submission
from .ml_signals.status import render
from .ml_signals.supervisor import alarmed, until_done
from .ml_signals.trader import Trader
from .ml_signals.trades import OrderRole, OrderSide, OrderStatus

# Hummingbot imports this script before it builds the connectors and the executors.
kraken.install()
paper.install()
executor.install()


class MLSignalStrategyConfig(settings.MLSignalStrategyConfig):
    """The settings; Hummingbot's `create` looks for them in the script's own file."""


class MLSignalStrategy(StrategyV2Base):  # type: ignore[misc]
    """Follow the signal server and hold at most one long position a coin."""

    def __init__(
        self, connectors: dict[str, ConnectorBase], config: MLSignalStrategyConfig
    ) -> None:
        """Open the journal and prepare the line to the server; `start` begins to listen."""
        super().__init__(connectors, config)
        connector = connectors[config.connector]
        connector.before_send = self._about_to_send
        path = Path(data_path()) / f"ml_signals_{config.bot_id}.sqlite"
        self._journal = Journal(path, Owner(config.bot_id, config.mode))
        NONCES.keep_in(path.with_suffix(".nonce"))
        self._links = self._linked(config)
        sender = Sender(config.bot_id, config.mode, config.connector)
        self._book = PositionBook(self._journal, sender, utc_now, self._links.reporter.wake)
        self._links.on_new_count = self._book.forget_signals
        self._links.feed.last_id = self._book.newest_acted_signal_id
        self._exchange = Exchange(config.connector, connector)
        self._desk = Desk(self.executor_orchestrator)
        self._trader = Trader(config, self._parts(config, path.with_suffix(".control")))
        self._recovering: asyncio.Task[None] | None = None

    def _parts(self, config: MLSignalStrategyConfig, switch: Path) -> Parts:
        return Parts(
            exchange=self._exchange,
            journal=self._journal,
            book=self._book,
            links=self._links,
            desk=self._desk,
            orders=Orders(
                self._journal, self._links.control, LocalSwitch(switch, utc_now), utc_now
            ),
            halts=HaltKeeper(self._journal, self._book, config.halts),
            clock=utc_now,
        )

    def _linked(self, config: MLSignalStrategyConfig) -> ServerLinks:
        address = config.server_address()
        subscription = Subscription(config.symbols, config.silence_timeout_s)
        self.logger().info(f"Following the signal server at {address} in {config.mode} mode.")
        return ServerLinks(address, config.bot_id, subscription, self._journal, utc_now)

    def start(self, clock: TickClock, timestamp: float) -> None:
        """Begin to listen to the server and to send it what happens."""
        super().start(clock, timestamp)
        self._links.start()

    def on_tick(self) -> None:
        """Settle what nothing guards, and trade; what goes wrong halts the entries."""
        if self._is_stop_triggered:
            return
        if self._recovering is None or (
            self._recovering.done() and not self._trader.recovery.settled
        ):
            self._recovering = asyncio.create_task(until_done("The recovery", self._trader.recover))
        with alarmed("The trader", self._trader.alarm):
            self._trader.tick()

    async def on_stop(self) -> None:
        """Close or keep the positions, send what waits in the outbox, and let go."""
        self._is_stop_triggered = True
        if self._recovering is not None:
            self._recovering.cancel()
        for symbol, _ in self._desk:
            self._desk.stop(symbol, keep=not self.config.close_on_stop)
        try:
            await super().on_stop()
        finally:
            for _, ended in self._desk.take_all():
                with alarmed("The trader", self._trader.alarm):
                    self._trader.settle(ended)
            waiting = await self._links.stop(self.config.stop_timeout_s)
            self.logger().info(f"Stopped; {waiting} trade events wait for the next start.")
            self._journal.close()

    # Orders are journaled before they are sent, and their news as it comes

    def _about_to_send(self, sending: Sending) -> None:
        if self._journal.order(sending.order_id) is None:
            self._submit(sending, None)

    def journal_protective(
        self, position_id: str, order_id: str, symbol: str, amount: Decimal, trigger: Decimal
    ) -> None:
        """Journal a stop-loss order that an executor is about to rest at the exchange."""
        del position_id  # one position a coin
        sending = Sending(order_id, symbol, OrderSide.SELL, "STOP_LOSS", amount, trigger)
        self._submit(sending, OrderRole.PROTECTIVE)

    def _submit(self, sending: Sending, role: OrderRole | None) -> None:
        selling = sending.side is OrderSide.SELL
        guard = self._desk.executor(sending.symbol) if selling and role is None else None
        self._book.submitted(
            Submission(
                order_id=sending.order_id,
                symbol=sending.symbol,
                side=sending.side,
                order_type=sending.order_type,
                amount=sending.amount,
                reference_price=self._exchange.mid(sending.symbol),
                role=role,
                trigger=sending.trigger,
                reason=self._trader.reason_of(guard),
            )
        )

    def did_create_buy_order(self, event: BuyOrderCreatedEvent) -> None:
        """Journal the exchange's id of an order."""
        self._learn_id(event)

    def did_create_sell_order(self, event: SellOrderCreatedEvent) -> None:
        """Journal the exchange's id of an order."""
        self._learn_id(event)

    def did_fill_order(self, event: OrderFilledEvent) -> None:
        """Journal a fill."""
        self._learn_id(event)
        guard = self._desk.executor(event.trading_pair)
        self._book.filled(self._exchange.fill_of(event), self._trader.reason_of(guard))
        self._trader.money_moved()

    def did_complete_buy_order(self, event: BuyOrderCompletedEvent) -> None:
        """Journal that an order is complete."""
        self._ended(event, OrderStatus.FILLED)

    def did_complete_sell_order(self, event: SellOrderCompletedEvent) -> None:
        """Journal that an order is complete."""
        self._ended(event, OrderStatus.FILLED)

    def did_cancel_order(self, event: OrderCancelledEvent) -> None:
        """Journal a cancelled order."""
        self._ended(event, OrderStatus.CANCELED)

    def did_fail_order(self, event: MarketOrderFailureEvent) -> None:
        """Journal an order that the exchange did not take."""
        self._ended(event, OrderStatus.FAILED)

    def _ended(self, event: Any, status: OrderStatus) -> None:
        self._learn_id(event)
        self._book.ended(event.order_id, status)
        self._trader.money_moved()

    def _learn_id(self, event: Any) -> None:
        """Journal the exchange's id: an order may be filled before its answer is there."""
        if txid := getattr(event, "exchange_order_id", None):
            self._book.acknowledged(event.order_id, txid)

    def format_status(self) -> str:
        """Show positions, limits, halts and signals at a glance, then Hummingbot's own page."""
        return f"{render(page_of(self._trader))}\n\n{super().format_status()}"

    def balance_warning(self, market_trading_pair_tuples: list[Any]) -> list[str]:  # noqa: ARG002
        """Return nothing: the base class warns of coins not owned, and none are at the start."""
        return []
