"""The optional stop-loss order that rests at the exchange while the bot guards by itself."""

import asyncio
import logging
from decimal import Decimal
from typing import TYPE_CHECKING

from .exit_plan import retry_at
from .legs import Outcome, Role
from .orders import LegOrder

if TYPE_CHECKING:
    from .guarded import GuardedExecutor

logger = logging.getLogger(__name__)


class ProtectiveStop:
    """Keeps one stop-loss order at the exchange, so that a dead bot's position is not naked.

    It triggers `protective_margin` below the bot's own stop. It is an order of the position like
    any other: its fills count, and its end must be known before anything else is sold.
    """

    def __init__(self, executor: "GuardedExecutor") -> None:
        """Guard the executor's position."""
        self._executor = executor
        self._sending: asyncio.Task[None] | None = None

    @property
    def has_sold(self) -> bool:
        """Whether it has triggered."""
        return any(leg.role is Role.PROTECTIVE and leg.filled for leg in self._executor.legs)

    @property
    def rests(self) -> bool:
        """Whether it is known to wait at the exchange."""
        return any(
            leg.role is Role.PROTECTIVE and leg.outcome is Outcome.LIVE
            for leg in self._executor.legs
        )

    @property
    def trigger(self) -> Decimal | None:
        """The price at which it sells, on the exchange's grid; None when none is wanted."""
        config = self._executor.config
        stop, margin = config.triple_barrier_config.stop_loss, config.protective_margin
        if stop is None or margin is None:
            return None
        wanted = self._executor.entry_price * (1 - stop - margin)
        connector = self._executor.connectors[config.connector_name]
        price: Decimal = connector.quantize_order_price(config.trading_pair, wanted)
        return price if price > 0 else None

    def tend(self) -> None:
        """Send the order if it is wanted and not there."""
        executor = self._executor
        trigger, price = self.trigger, executor.trusted_price
        if trigger is None or price is None or price <= trigger:
            return
        mine = [leg for leg in executor.legs if leg.role is Role.PROTECTIVE]
        due = retry_at(executor.legs, executor.config.patience, Role.PROTECTIVE) <= executor.now
        amount = executor.lot.sellable(executor.unsold, trigger)
        if amount and due and all(leg.settled for leg in mine):
            self._send(amount, trigger)

    def _send(self, amount: Decimal, trigger: Decimal) -> None:
        executor, config = self._executor, self._executor.config
        connector = executor.connectors[config.connector_name]
        order_id = connector.new_order_id()
        executor._strategy.journal_protective(
            config.id, order_id, config.trading_pair, amount, trigger
        )
        executor.follow(LegOrder(Role.PROTECTIVE, order_id, amount, executor.now))
        self._sending = asyncio.create_task(
            self._place(connector, order_id, amount, trigger), name=f"protective {order_id}"
        )

    async def _place(
        self, connector: object, order_id: str, amount: Decimal, trigger: Decimal
    ) -> None:
        symbol = self._executor.config.trading_pair
        try:
            await connector.place_stop(symbol, amount, trigger, order_id)  # type: ignore[attr-defined]
        except OSError as error:  # the order tracker says the same
            logger.warning("%s: the protective stop was not placed: %s", symbol, error)
