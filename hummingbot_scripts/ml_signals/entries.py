"""What an entry consists of: the position to journal and the executor that is to guard it."""

from dataclasses import dataclass
from datetime import datetime

from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    PositionExecutorConfig,
    TripleBarrierConfig,
)

from .client import ReceivedSignal
from .rules import RuleConfig
from .sizing import Obstacle, Quote, size_entry
from .trades import Position


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """A position and its executor's settings; both carry the same id."""

    position: Position
    executor: PositionExecutorConfig


def plan_entry(
    connector: str, rules: RuleConfig, received: ReceivedSignal, quote: Quote, *, now: datetime
) -> EntryPlan | Obstacle:
    """Size an entry on `received` at the quoted prices, or say what is in the way.

    All orders are market orders: on spot a resting take-profit would lock the coins that the
    stop needs.
    """
    amount = size_entry(rules.quote_size, quote)
    if isinstance(amount, Obstacle):
        return amount
    executor = PositionExecutorConfig(
        timestamp=now.timestamp(),
        connector_name=connector,
        trading_pair=received.view.symbol,
        side=TradeType.BUY,
        entry_price=quote.mid,
        amount=amount,
        triple_barrier_config=TripleBarrierConfig(
            stop_loss=rules.stop_loss,
            take_profit=rules.take_profit,
            time_limit=rules.time_limit_s,
            open_order_type=OrderType.MARKET,
            take_profit_order_type=OrderType.MARKET,
        ),
    )
    position = Position(
        position_id=executor.id,
        symbol=received.view.symbol,
        signal_id=received.view.id,
        confidence=received.view.confidence,
        reference_price=received.reference_price,
        amount=amount,
        opened_at=now,
    )
    return EntryPlan(position, executor)
