"""What an entry consists of: the position to journal, and the executor that is to guard it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    TrailingStop,
    TripleBarrierConfig,
)
from hummingbot.strategy_v2.models.executors import CloseType

from .claims import Leg
from .client import ReceivedSignal
from .executor import Adopted, AdoptedOrder, GuardedExecutorConfig
from .plan import Plan
from .reconciliation import Adoption
from .rules import ExitReason, RuleConfig
from .trades import OrderRole, Position

_CLOSE_TYPES = {
    ExitReason.STOP_LOSS: CloseType.STOP_LOSS,
    ExitReason.TAKE_PROFIT: CloseType.TAKE_PROFIT,
    ExitReason.TIME_LIMIT: CloseType.TIME_LIMIT,
    ExitReason.TRAILING_STOP: CloseType.TRAILING_STOP,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A position and its executor's settings; both carry the same id."""

    position: Position
    executor: GuardedExecutorConfig


def plan_of(
    rules: RuleConfig,
    amount: Decimal,
    price: Decimal,
    at: datetime,
    *,
    protective_margin: Decimal | None = None,
) -> Plan:
    """Return what a position of `amount` base units that is opened at `at` (UTC) is to obey."""
    return Plan(
        amount=amount,
        entry_price=price,
        timestamp=at.timestamp(),
        stop_loss=rules.stop_loss,
        take_profit=rules.take_profit,
        time_limit_s=rules.time_limit_s,
        trailing_activation=rules.trailing_activation,
        trailing_delta=rules.trailing_delta,
        protective_margin=protective_margin,
    )


def entry_on(connector: str, received: ReceivedSignal, plan: Plan, at: datetime) -> Entry:
    """Return the position and the executor that follow from a signal and a plan."""
    executor = executor_of(connector, received.view.symbol, plan)
    position = Position(
        position_id=executor.id,
        symbol=received.view.symbol,
        signal_id=received.view.id,
        confidence=received.view.confidence,
        reference_price=received.reference_price,
        amount=plan.amount,
        opened_at=at,
        plan=plan,
    )
    return Entry(position, executor)


def executor_of(connector: str, symbol: str, plan: Plan) -> GuardedExecutorConfig:
    """Return the settings of an executor that opens a position and guards it by its plan."""
    return GuardedExecutorConfig(
        timestamp=plan.timestamp,
        connector_name=connector,
        trading_pair=symbol,
        side=TradeType.BUY,
        entry_price=plan.entry_price,
        amount=plan.amount,
        triple_barrier_config=barriers(plan),
        protective_margin=plan.protective_margin,
    )


def executor_for(connector: str, adoption: Adoption, plan: Plan) -> GuardedExecutorConfig:
    """Return the settings of the executor that guards an adopted position by its plan."""
    position = adoption.position
    adopted = Adopted(
        entry=_adopted(adoption.entry),
        exits=_all_adopted(adoption.exits),
        protective=_all_adopted(adoption.protective),
        leaving=_leaving(adoption),
        trailing_trigger=position.trailing_trigger,
    )
    settings = executor_of(connector, position.symbol, plan)
    settings.id, settings.adopted = position.position_id, adopted
    return settings


def barriers(plan: Plan) -> TripleBarrierConfig:
    """Return a plan's barriers as Hummingbot's executor takes them; all orders are at market.

    On spot a resting take-profit would lock the coins that the stop needs.
    """
    trailing = None
    if plan.trailing_activation is not None and plan.trailing_delta is not None:
        trailing = TrailingStop(
            activation_price=plan.trailing_activation, trailing_delta=plan.trailing_delta
        )
    return TripleBarrierConfig(
        stop_loss=plan.stop_loss,
        take_profit=plan.take_profit,
        time_limit=plan.time_limit_s,
        trailing_stop=trailing,
        open_order_type=OrderType.MARKET,
        take_profit_order_type=OrderType.MARKET,
    )


def _all_adopted(legs: Sequence[Leg]) -> tuple[AdoptedOrder, ...]:
    return tuple(_adopted(leg) for leg in legs)


def _adopted(leg: Leg) -> AdoptedOrder:
    order = leg.now
    return AdoptedOrder(
        order_id=order.order_id,
        txid=order.txid or "",
        amount=order.amount,
        created_at=order.created_at,
        fills=leg.fills,
        live=bool(leg.live),
        trigger=order.trigger,
    )


def _leaving(adoption: Adoption) -> CloseType | None:
    reason = adoption.position.exit_reason
    if reason is not None:
        return _CLOSE_TYPES.get(reason, CloseType.EARLY_STOP)
    began = any(leg.order.role is OrderRole.EXIT for leg in adoption.exits)
    return CloseType.EARLY_STOP if began else None
