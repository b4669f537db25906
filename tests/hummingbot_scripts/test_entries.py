from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from hummingbot.core.data_type.common import OrderType, TradeType

from hummingbot_scripts.ml_signals.client import receive
from hummingbot_scripts.ml_signals.entries import entry_on, plan_of
from hummingbot_scripts.ml_signals.rules import RuleConfig

RULES = RuleConfig(
    min_confidence=Decimal("0.6"),
    quote_size=Decimal(100),
    max_positions=5,
    stop_loss=Decimal("0.05"),
    take_profit=Decimal("0.1"),
    time_limit_s=60,
)
AMOUNT, PRICE = Decimal("0.002"), Decimal(50_000)


def test_position_and_executor_belong_together(make_signal: Any, now: datetime) -> None:
    plan = plan_of(RULES, AMOUNT, PRICE, now)
    entry = entry_on("kraken", receive(make_signal(4), now), plan, now)
    position, executor = entry.position, entry.executor
    assert position.position_id == executor.id
    assert position.amount == executor.amount == AMOUNT
    assert (position.signal_id, position.symbol) == (4, "BTC-USD")
    assert position.plan == plan
    assert executor.side is TradeType.BUY
    assert executor.timestamp == now.timestamp()


def test_every_order_of_a_position_is_a_market_order(make_signal: Any, now: datetime) -> None:
    plan = plan_of(RULES, AMOUNT, PRICE, now)
    executor = entry_on("kraken", receive(make_signal(4), now), plan, now).executor
    barriers = executor.triple_barrier_config
    assert barriers.open_order_type is OrderType.MARKET
    assert barriers.take_profit_order_type is OrderType.MARKET
    assert (barriers.stop_loss, barriers.take_profit) == (Decimal("0.05"), Decimal("0.1"))
    assert (barriers.time_limit, barriers.trailing_stop) == (60, None)


def test_a_trailing_stop_is_part_of_the_plan(make_signal: Any, now: datetime) -> None:
    rules = replace(RULES, trailing_activation=Decimal("0.03"), trailing_delta=Decimal("0.01"))
    plan = plan_of(rules, AMOUNT, PRICE, now, protective_margin=Decimal("0.02"))
    executor = entry_on("kraken", receive(make_signal(4), now), plan, now).executor
    trailing = executor.triple_barrier_config.trailing_stop
    assert (trailing.activation_price, trailing.trailing_delta) == (
        Decimal("0.03"),
        Decimal("0.01"),
    )
    assert executor.protective_margin == Decimal("0.02")
