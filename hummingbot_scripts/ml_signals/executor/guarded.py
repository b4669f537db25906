"""Hummingbot's PositionExecutor, made to end with nothing unsold whatever the exchange does."""

from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.common import OrderType, PositionAction
from hummingbot.strategy_v2.executors.position_executor.data_types import PositionExecutorConfig
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executors import CloseType

from .accounts import PositionAccounts
from .config import Adopted, guarded
from .exit_plan import (
    Do,
    Moment,
    Step,
    entry_is_overdue,
    next_step,
    next_step_to_keep,
)
from .legs import ZERO, Leg, Outcome, Role
from .orders import LegOrder, resumed
from .protective import ProtectiveStop
from .strays import Strays

_NAN = Decimal("NaN")
_MOST_CANCELS = 10


class GuardedExecutor(PositionAccounts):
    """Guards one long position; Hummingbot's own code checks the barriers.

    Sends one entry at the most. Once a barrier is reached it sells all that was bought, by as
    many orders as it takes and for as long as it takes, one at a time. `trouble` says what is in
    its way, None when nothing is.
    """

    def __init__(
        self,
        strategy: Any,
        config: PositionExecutorConfig,
        update_interval: float = 1.0,
        max_retries: int = 10,
    ) -> None:
        """Take what Hummingbot's executor takes; `max_retries` is not looked at."""
        settings = guarded(config)
        super().__init__(strategy, settings, update_interval, max_retries)
        if settings.timestamp is None:  # without one Hummingbot's time limit raises an error
            settings.timestamp = self.now
        self._left_at = 0.0
        self._protective = ProtectiveStop(self)
        self._strays = Strays(self._connector, settings.trading_pair)
        if settings.adopted is not None:
            self._adopt(settings.adopted)

    @property
    def protective_trigger(self) -> Decimal | None:
        """The price at which the stop that rests at the exchange sells, None when none rests."""
        return self._protective.trigger if self._protective.rests else None

    async def on_start(self) -> None:
        """Check the balance as Hummingbot does; an adopted position needs none."""
        adopted = self.config.adopted
        if adopted is None:
            await super().on_start()
        elif adopted.exits or adopted.leaving:
            self._leave(adopted.leaving or CloseType.EARLY_STOP)

    async def control_task(self) -> None:
        """Do what is to be done now; called about once a second."""
        self._take_strays()
        if self.status is RunnableStatus.RUNNING:
            self._guard()
        elif self.status is RunnableStatus.SHUTTING_DOWN:
            self._wind_up()

    def evaluate_max_retries(self) -> None:
        """Never give up."""

    def early_stop(self, keep_position: bool = False) -> None:
        """Leave the position, or let go of it unsold; an exit under way goes on."""
        holds = self.close_type is CloseType.POSITION_HOLD
        if self.is_closed or (self.status is RunnableStatus.SHUTTING_DOWN and not holds):
            return
        self.close_type = CloseType.POSITION_HOLD if keep_position else CloseType.EARLY_STOP
        self._left_at = self.now
        self._status = RunnableStatus.SHUTTING_DOWN

    def _guard(self) -> None:
        self.control_open_order()
        entry = self._entry()
        if entry is None:
            return
        if entry.settled and not self.lot.sellable(self.unsold, None) and not self._sold_any():
            self._leave(CloseType.FAILED)
            return
        if self._protective.has_sold:
            self._leave(CloseType.STOP_LOSS)
            return
        self.control_barriers()
        if self.status is RunnableStatus.RUNNING and entry.settled:
            self._protective.tend()

    def control_open_order(self) -> None:
        """Send the entry, once; give up what is missing of it when it has had its time."""
        entry = self._entry()
        if entry is None:
            super().control_open_order()
        elif entry_is_overdue(entry, self.now, self._patience):
            self._cancel(entry.order_id)

    def place_open_order(self) -> None:
        """Send the entry."""
        try:
            self._send(Role.ENTRY, self.config.amount, self.entry_price)
        except Exception:
            self._strays.expect(Role.ENTRY, self.config.amount, self.now)
            raise

    def control_barriers(self) -> None:
        """Check the barriers: stop, trailing stop, take-profit, time limit, in this order.

        Those of the price wait while there is none that can be trusted, or nothing to sell.
        """
        price = self.trusted_price
        if price is not None and self.lot.sellable(self.unsold, price):
            for check in (
                self.control_stop_loss,
                self.control_trailing_stop,
                self.control_take_profit,
            ):
                check()
                if self.status is not RunnableStatus.RUNNING:
                    return
        self.control_time_limit()

    def place_close_order_and_cancel_open_orders(
        self, close_type: CloseType, price: Decimal = _NAN
    ) -> None:
        """Begin to leave the position: what Hummingbot's barriers call."""
        del price
        self._leave(close_type)

    async def control_shutdown_process(self) -> None:
        """Do the next step out of the position."""
        self._wind_up()

    def _leave(self, close_type: CloseType) -> None:
        self.close_type = close_type
        self.close_timestamp = self._left_at = self.now
        self._status = RunnableStatus.SHUTTING_DOWN
        self._wind_up()

    def _wind_up(self) -> None:
        step = self._next_step()
        for _ in range(_MOST_CANCELS):
            if step.do is not Do.CANCEL or step.order_id is None:
                break
            self._cancel(step.order_id)
            step = self._next_step()
        if step.do is Do.SELL and not self._strays.expected:
            self._sell(step.amount)
        elif step.do is Do.END and not self._strays.expected:
            self._finish()

    def _next_step(self) -> Step:
        if self.close_type is CloseType.POSITION_HOLD:
            return next_step_to_keep(self.legs, self._patience, self.now)
        moment = Moment(self.now, self._left_at, self.trusted_price)
        return next_step(self.legs, self.lot, self._patience, moment)

    def _finish(self) -> None:
        held = self.holding
        if self.close_type is CloseType.POSITION_HOLD:
            self._held_position_orders = self._collect_held_position_orders()
            if not held.unsold:
                self.close_type = CloseType.EARLY_STOP
        elif not held.bought and self.close_type is not CloseType.EARLY_STOP:
            self.close_type = CloseType.FAILED
        self.dust = ZERO if self.close_type is CloseType.POSITION_HOLD else held.unsold
        self.stop()

    # Orders

    def _entry(self) -> Leg | None:
        return next((leg for leg in self.legs if leg.role is Role.ENTRY), None)

    def _sold_any(self) -> bool:
        return self.holding.sold > 0

    def _sell(self, amount: Decimal) -> None:
        # With a price of its own the connector's check of the order's value needs no book.
        price = self.trusted_price or self.entry_price
        try:
            self._send(Role.EXIT, amount, price)
        except Exception:
            self._strays.expect(Role.EXIT, amount, self.now)
            raise

    def _send(self, role: Role, amount: Decimal, price: Decimal) -> None:
        entering = role is Role.ENTRY
        barriers = self.config.triple_barrier_config
        order_id = self.place_order(
            connector_name=self.config.connector_name,
            trading_pair=self.config.trading_pair,
            order_type=barriers.open_order_type if entering else OrderType.MARKET,
            side=self.config.side if entering else self.close_order_side,
            amount=amount,
            price=price,
            position_action=PositionAction.OPEN if entering else PositionAction.CLOSE,
        )
        self.follow(LegOrder(role, order_id, amount, self.now))

    def follow(self, order: LegOrder) -> None:
        """Count an order as one of this position's."""
        self._legs.append(order)
        if order.role is Role.ENTRY:
            self._open_order = order.tracked
        else:
            self._close_order = order.tracked

    def _cancel(self, order_id: str) -> None:
        order = next(order for order in self._legs if order.order_id == order_id)
        first = order.cancel_first_asked_at is None
        order.cancel_asked_at = self.now
        if first:
            order.cancel_first_asked_at = self.now
            self._strategy.cancel(self.config.connector_name, self.config.trading_pair, order_id)
        else:  # Hummingbot's strategies forward the same cancellation once a minute
            self._connector.cancel(self.config.trading_pair, order_id)

    def _take_strays(self) -> None:
        known = {order.order_id for order in self._legs}
        stray = self._strays.find(known, self.now)
        if stray is not None:
            self.follow(stray)

    def _adopt(self, adopted: Adopted) -> None:
        self._trailing_stop_trigger_pct = adopted.trailing_trigger
        orders = [(Role.ENTRY, adopted.entry)]
        orders += [(Role.PROTECTIVE, order) for order in adopted.protective]
        orders += [(Role.EXIT, order) for order in adopted.exits]
        for role, order in orders:
            self.follow(resumed(self._connector, self.config.trading_pair, role, order))

    def cancel_open_orders(self) -> None:
        """Give up what is missing of the entry."""
        entry = self._entry()
        if entry is not None and entry.outcome is Outcome.LIVE:
            self._cancel(entry.order_id)
