"""A paper exchange on which Hummingbot's PositionExecutor can run.

Hummingbot's own one has no trading rules and no order tracker, which that executor needs. This
one takes the rules from the real exchange's public connector and tracks its orders by listening
to the exchange's own events, because the strategy places orders through Cython calls that no
Python override sees.
"""

import asyncio
import logging
from collections.abc import Sequence
from decimal import Decimal

import hummingbot.core.connector_manager as connector_manager
from hummingbot.client.config.config_helpers import get_connector_class
from hummingbot.connector.exchange.paper_trade import get_order_book_tracker
from hummingbot.connector.exchange.paper_trade.paper_trade_exchange import PaperTradeExchange
from hummingbot.connector.exchange_base import ExchangeBase
from hummingbot.connector.trading_rule import TradingRule
from hummingbot.core.data_type.common import TradeType
from hummingbot.core.data_type.in_flight_order import InFlightOrder, OrderState, TradeUpdate
from hummingbot.core.data_type.order_book_tracker import OrderBookTracker
from hummingbot.core.event.event_forwarder import EventForwarder
from hummingbot.core.event.events import (
    BuyOrderCompletedEvent,
    BuyOrderCreatedEvent,
    MarketEvent,
    MarketOrderFailureEvent,
    OrderCancelledEvent,
    OrderFilledEvent,
    SellOrderCompletedEvent,
    SellOrderCreatedEvent,
)

from .sizing import floor_to

logger = logging.getLogger(__name__)

RULES_RETRY_S = 2.0
_TIDY = Decimal("1e-12")
PAPER_LOT = Decimal("1e-7")
"""The smallest lot that Hummingbot's paper exchange knows."""


def tidy(value: Decimal) -> Decimal:
    """Drop the digits that the paper exchange's book, kept in doubles, adds to a decimal."""
    return value.quantize(_TIDY)


class PaperOrderTracker:
    """Every order of this session as an `InFlightOrder`, the shape that executors read."""

    def __init__(self) -> None:
        """Start with no orders."""
        self._orders: dict[str, InFlightOrder] = {}

    def fetch_order(
        self, client_order_id: str | None = None, exchange_order_id: str | None = None
    ) -> InFlightOrder | None:
        """Return an order by either id; on paper both are the same."""
        return self._orders.get(client_order_id or exchange_order_id or "")

    def created(self, event: BuyOrderCreatedEvent | SellOrderCreatedEvent) -> None:
        """Start tracking an order that the exchange has taken."""
        side = TradeType.BUY if isinstance(event, BuyOrderCreatedEvent) else TradeType.SELL
        self._orders[event.order_id] = InFlightOrder(
            client_order_id=event.order_id,
            exchange_order_id=event.order_id,
            trading_pair=event.trading_pair,
            order_type=event.type,
            trade_type=side,
            amount=event.amount,
            price=event.price,
            creation_timestamp=event.timestamp,
            initial_state=OrderState.OPEN,
        )

    def filled(self, event: OrderFilledEvent) -> None:
        """Add one execution; the exchange's own trade ids may repeat, so a number is used."""
        order = self._orders.get(event.order_id)
        if order is None:
            logger.error("A paper fill of unknown order %s is not tracked.", event.order_id)
            return
        price, amount = tidy(event.price), tidy(event.amount)
        order.update_with_trade_update(
            TradeUpdate(
                trade_id=f"{event.order_id}#{len(order.order_fills)}",
                client_order_id=event.order_id,
                exchange_order_id=event.order_id,
                trading_pair=event.trading_pair,
                fill_timestamp=event.timestamp,
                fill_price=price,
                fill_base_amount=amount,
                fill_quote_amount=price * amount,
                fee=event.trade_fee,
            )
        )

    def ended(self, order_id: str, state: OrderState) -> None:
        """Note that an order is complete, cancelled or failed."""
        if order := self._orders.get(order_id):
            order.current_state = state


class ExecutorPaperExchange(PaperTradeExchange):  # type: ignore[misc]
    """Hummingbot's paper exchange with trading rules, an order tracker and quicker fills."""

    # Seconds; over one clock tick, because the base class announces an order 10 ms after taking
    # it and a fill that comes before its order could not be attributed.
    TRADE_EXECUTION_DELAY = 1.5

    def __init__(self, tracker: OrderBookTracker, target: type, exchange_name: str) -> None:
        """Listen to the exchange's own events from the first order on."""
        super().__init__(tracker, target, exchange_name=exchange_name)
        self._order_tracker = PaperOrderTracker()
        self.rules_source: ExchangeBase = tracker.data_source._connector
        self._rules_task: asyncio.Task[None] | None = None
        self._listeners = self._listen()

    @property
    def trading_rules(self) -> dict[str, TradingRule]:
        """The real exchange's rules by symbol; empty until they are fetched."""
        rules: dict[str, TradingRule] = self.rules_source.trading_rules
        return rules

    @property
    def status_dict(self) -> dict[str, bool]:
        """What must be true before a strategy may trade here."""
        return {**super().status_dict, "trading_rules_initialized": bool(self.trading_rules)}

    async def start_network(self) -> None:
        """Follow the order books and fetch the trading rules."""
        await super().start_network()
        self._rules_task = asyncio.create_task(self._fetch_trading_rules())

    async def stop_network(self) -> None:
        """Stop following the real exchange."""
        if self._rules_task is not None:
            self._rules_task.cancel()
            self._rules_task = None
        await super().stop_network()

    def lot(self, symbol: str) -> Decimal:
        """Return the lot that both the real and the paper exchange can do."""
        rule = self.trading_rules.get(symbol)
        return max(rule.min_base_amount_increment, PAPER_LOT) if rule else PAPER_LOT

    def quantize_order_amount(self, trading_pair: str, amount: Decimal) -> Decimal:
        """Floor `amount` to the lot."""
        return floor_to(amount, self.lot(trading_pair))

    async def _update_orders_with_error_handler(
        self, orders: Sequence[InFlightOrder], error_handler: object
    ) -> None:
        """Do nothing: paper orders are never out of date."""

    async def _handle_update_error_for_lost_order(
        self, order: InFlightOrder, error: Exception
    ) -> None:
        """Do nothing: paper orders are never lost."""

    async def _fetch_trading_rules(self) -> None:
        while not self.trading_rules:
            try:
                await self.rules_source._update_trading_rules()
            except (OSError, TimeoutError) as error:
                logger.warning("The exchange's trading rules cannot be fetched yet: %s", error)
                await asyncio.sleep(RULES_RETRY_S)

    def _charge_forgotten_fee(
        self, event: BuyOrderCompletedEvent | SellOrderCompletedEvent
    ) -> None:
        """Take the fee of a purchase, which the base class announces but leaves in the balance."""
        order = self._order_tracker.fetch_order(event.order_id)
        if order is None or order.trade_type is not TradeType.BUY:
            return
        due = order.executed_amount_quote + order.cumulative_fee_paid(order.quote_asset)
        balance = self.get_balance(order.quote_asset)
        self.set_balance(order.quote_asset, balance - (due - event.quote_asset_amount))

    def _listen(self) -> list[EventForwarder]:
        tracker = self._order_tracker

        def completed(event: BuyOrderCompletedEvent | SellOrderCompletedEvent) -> None:
            tracker.ended(event.order_id, OrderState.FILLED)
            self._charge_forgotten_fee(event)

        def cancelled(event: OrderCancelledEvent) -> None:
            tracker.ended(event.order_id, OrderState.CANCELED)

        def failed(event: MarketOrderFailureEvent) -> None:
            tracker.ended(event.order_id, OrderState.FAILED)

        handlers = (
            (MarketEvent.BuyOrderCreated, tracker.created),
            (MarketEvent.SellOrderCreated, tracker.created),
            (MarketEvent.OrderFilled, tracker.filled),
            (MarketEvent.BuyOrderCompleted, completed),
            (MarketEvent.SellOrderCompleted, completed),
            (MarketEvent.OrderCancelled, cancelled),
            (MarketEvent.OrderFailure, failed),
        )
        listeners = []
        for event, handler in handlers:
            listener = EventForwarder(handler)
            self.add_listener(event, listener)
            listeners.append(listener)  # the exchange itself holds listeners only weakly
        return listeners


def create_executor_paper_market(
    exchange_name: str, trading_pairs: list[str]
) -> ExecutorPaperExchange:
    """Build the paper exchange as Hummingbot's own factory of that name does."""
    tracker = get_order_book_tracker(connector_name=exchange_name, trading_pairs=trading_pairs)
    return ExecutorPaperExchange(tracker, get_connector_class(exchange_name), exchange_name)


def install() -> None:
    """Make Hummingbot build this paper exchange; call before connectors are created."""
    connector_manager.create_paper_trade_market = create_executor_paper_market
