from datetime import datetime
from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.common import OrderType, TradeType

from hummingbot_scripts.ml_signals.client import receive
from hummingbot_scripts.ml_signals.entries import EntryPlan, plan_entry
from hummingbot_scripts.ml_signals.rules import RuleConfig
from hummingbot_scripts.ml_signals.sizing import Obstacle, Quote

RULES = RuleConfig(
    min_confidence=Decimal("0.6"),
    quote_size=Decimal(100),
    max_positions=5,
    stop_loss=Decimal("0.05"),
    take_profit=Decimal("0.1"),
    time_limit_s=60,
)


def _quote(available: int) -> Quote:
    return Quote(
        mid=Decimal(50_000),
        ask=Decimal(50_001),
        available=Decimal(available),
        fee_share=Decimal("0.0026"),
        lot=Decimal("1e-8"),
        min_size=Decimal("0.0001"),
        min_notional=Decimal("0.5"),
    )


def test_position_and_executor_belong_together(make_signal: Any, now: datetime) -> None:
    plan = plan_entry("kraken", RULES, receive(make_signal(4), now), _quote(1000), now=now)
    assert isinstance(plan, EntryPlan)
    position, executor = plan.position, plan.executor
    assert position.position_id == executor.id
    assert position.amount == executor.amount == Decimal("0.002")
    assert (position.signal_id, position.symbol) == (4, "BTC-USD")
    assert executor.side is TradeType.BUY
    assert executor.timestamp == now.timestamp()


def test_every_order_of_a_position_is_a_market_order(make_signal: Any, now: datetime) -> None:
    plan = plan_entry("kraken", RULES, receive(make_signal(4), now), _quote(1000), now=now)
    assert isinstance(plan, EntryPlan)
    barriers = plan.executor.triple_barrier_config
    assert barriers.open_order_type is OrderType.MARKET
    assert barriers.take_profit_order_type is OrderType.MARKET
    assert (barriers.stop_loss, barriers.take_profit) == (Decimal("0.05"), Decimal("0.1"))
    assert barriers.time_limit == 60


def test_without_the_money_there_is_no_plan(make_signal: Any, now: datetime) -> None:
    plan = plan_entry("kraken", RULES, receive(make_signal(4), now), _quote(50), now=now)
    assert plan is Obstacle.NO_BALANCE
