"""What Hummingbot asks of an executor, answered over the fills of all orders of a position."""

from decimal import Decimal
from typing import Any

from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executors import CloseType

from .config import GuardedExecutorConfig
from .exit_plan import Lot
from .legs import ZERO, Holding, Leg, Role, holding
from .orders import LegOrder
from .trouble import Watch, trouble

_NAN = Decimal("NaN")


class PositionAccounts(PositionExecutor):  # type: ignore[misc]
    """A PositionExecutor with any number of orders, whose fills all count."""

    close_type: CloseType | None

    def __init__(
        self, strategy: Any, settings: GuardedExecutorConfig, update_interval: float, retries: int
    ) -> None:
        """Begin without orders."""
        super().__init__(strategy, settings, update_interval, retries)
        self._connector = self.connectors[settings.connector_name]
        self._patience = settings.patience
        self._legs: list[LegOrder] = []
        self.dust = ZERO

    @property
    def now(self) -> float:
        """Hummingbot's time, in epoch seconds."""
        return float(self._strategy.current_timestamp)

    @property
    def legs(self) -> list[Leg]:
        """Every order of this position as it stands now."""
        return [order.look(self._connector, self.now) for order in self._legs]

    @property
    def holding(self) -> Holding:
        """What was bought and sold so far."""
        return holding(self.legs)

    @property
    def unsold(self) -> Decimal:
        """What is still held of this position, in base units."""
        return self.holding.unsold

    @property
    def settled(self) -> bool:
        """Whether no order of this position can fill any more, and all fills are known."""
        return all(leg.settled for leg in self.legs)

    @property
    def lot(self) -> Lot:
        """What can be traded."""
        rules = self.trading_rules
        return Lot(rules.min_base_amount_increment, rules.min_order_size, rules.min_notional_size)

    @property
    def trusted_price(self) -> Decimal | None:
        """What the coins can be sold at now; None when nobody knows."""
        try:
            price: Decimal | None = self.current_market_price
        except (OSError, ArithmeticError, LookupError, ValueError):
            return None
        return price if price is not None and price.is_finite() and price > 0 else None

    @property
    def trailing_trigger(self) -> Decimal | None:
        """The net profit share below which the trailing stop sells, None before it is armed."""
        trigger: Decimal | None = self._trailing_stop_trigger_pct
        return trigger

    @property
    def trouble(self) -> str | None:
        """What stands in this position's way, None when nothing does."""
        if self.is_closed:
            return None
        legs = self.legs
        watch = Watch(
            now=self.now,
            holds=holding(legs).unsold > 0,
            leaving=self.status is RunnableStatus.SHUTTING_DOWN,
            price_known=self.trusted_price is not None,
            after_s=self.config.trouble_after_s,
        )
        return trouble(legs, self._patience, watch)

    # Money: over the fills of all orders, as Hummingbot means these names

    @property
    def open_filled_amount(self) -> Decimal:
        """What was bought, in base units."""
        return self.holding.bought

    @property
    def open_filled_amount_quote(self) -> Decimal:
        """What was bought, at its cost without fees."""
        return self.holding.bought_quote

    @property
    def close_filled_amount(self) -> Decimal:
        """What was sold, in base units."""
        return self.holding.sold

    @property
    def close_filled_amount_quote(self) -> Decimal:
        """What was sold, at what it brought without fees."""
        return self.holding.sold_quote

    @property
    def amount_to_close(self) -> Decimal:
        """What is still held, in base units."""
        return self.holding.unsold

    @property
    def entry_price(self) -> Decimal:
        """The average price of the entry's fills, before them the configured one."""
        return self.holding.entry_price or super().entry_price

    @property
    def close_price(self) -> Decimal:
        """The average price of the exits once all is sold, else the price of now; NaN if none."""
        held = self.holding
        if held.exit_price is not None and (self.is_closed or not held.unsold):
            return held.exit_price
        return self.trusted_price or _NAN

    @property
    def trade_pnl_quote(self) -> Decimal:
        """The profit before fees; NaN while coins are held that nobody knows the price of."""
        return self._gain(self.holding)

    def get_net_pnl_quote(self) -> Decimal:
        """Return the profit after the fees paid so far; the orders are read once for both."""
        held = self.holding
        return self._gain(held) - held.fee_quote

    def _gain(self, held: Holding) -> Decimal:
        if not held.bought or self.close_type in {CloseType.FAILED, CloseType.POSITION_HOLD}:
            return ZERO
        if self.is_closed or not held.unsold:
            return held.realised_gain()
        return held.gain(self.trusted_price or _NAN)

    @property
    def trade_pnl_pct(self) -> Decimal:
        """The profit before fees as a share of what the entry cost."""
        cost = self.holding.bought_quote
        return self.trade_pnl_quote / cost if cost else ZERO

    def get_cum_fees_quote(self) -> Decimal:
        """Return the fees of all orders so far."""
        return self.holding.fee_quote

    # What Hummingbot tells

    def update_tracked_orders_with_order_id(self, order_id: str) -> None:
        """Read the order anew."""
        for order in self._legs:
            if order.order_id == order_id:
                order.look(self._connector, self.now)

    def process_order_completed_event(self, _: Any, __: Any, event: Any) -> None:
        """Read the order anew."""
        self.update_tracked_orders_with_order_id(event.order_id)

    def process_order_canceled_event(self, _: Any, __: Any, event: Any) -> None:
        """Read the order anew; its fills still count."""
        self.update_tracked_orders_with_order_id(event.order_id)

    def process_order_failed_event(self, _: Any, __: Any, event: Any) -> None:
        """Note why the order failed."""
        for order in self._legs:
            if order.order_id == event.order_id:
                order.why = getattr(event, "error_message", None)
                order.look(self._connector, self.now)

    # What it shows

    def _collect_held_position_orders(self) -> list[dict[str, Any]]:
        return [
            order.order.to_json()
            for order in self._legs
            if order.look(self._connector, self.now).filled
        ]

    def get_custom_info(self) -> dict[str, Any]:
        """Return what Hummingbot stores and shows beside its own fields."""
        exits = [leg for leg in self.legs if leg.role is Role.EXIT]
        return {
            "level_id": self.config.level_id,
            "current_position_average_price": self.entry_price,
            "side": self.config.side,
            "current_retries": len(exits),
            "close_price": self.close_price,
            "order_ids": [leg.order_id for leg in self.legs],
            "held_position_orders": self._held_position_orders,
            "state": f"{len(exits)} exits, {self.unsold} unsold",
            "trouble": self.trouble,
            "dust": self.dust,
        }

    def to_format_status(self, scale: float = 1.0) -> list[str]:
        """Show what Hummingbot shows, and what is in the way."""
        problem = self.trouble
        shown = [] if problem is None else [f"{self.config.trading_pair}: {problem}"]
        if self.trusted_price is None and not self.is_closed:
            return shown
        return [*super().to_format_status(scale), *shown]
