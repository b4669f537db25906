"""How the executor gets into Hummingbot, and what it can be told."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.strategy_v2.executors.executor_orchestrator import ExecutorOrchestrator
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    PositionExecutorConfig,
    TripleBarrierConfig,
)
from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from pydantic import ValidationError

from hummingbot_scripts.ml_signals import executor
from hummingbot_scripts.ml_signals.executor import (
    Adopted,
    AdoptedOrder,
    GuardedExecutor,
    GuardedExecutorConfig,
)
from hummingbot_scripts.ml_signals.executor.config import guarded

PLAIN: dict[str, Any] = {
    "connector_name": "kraken",
    "trading_pair": "BTC-USD",
    "side": TradeType.BUY,
    "amount": Decimal("0.01"),
}


def test_hummingbot_builds_it_once_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    mapping = dict(ExecutorOrchestrator._executor_mapping)
    monkeypatch.setattr(ExecutorOrchestrator, "_executor_mapping", mapping)
    executor.install()
    assert mapping["position_executor"] is GuardedExecutor
    assert issubclass(GuardedExecutor, PositionExecutor)


def test_plain_settings_are_guarded_under_the_same_id() -> None:
    plain = PositionExecutorConfig(**PLAIN)
    taken = guarded(plain)
    assert (taken.id, taken.timestamp, taken.amount) == (plain.id, plain.timestamp, plain.amount)
    assert guarded(taken) is taken


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": TradeType.SELL},
        {"triple_barrier_config": TripleBarrierConfig(take_profit_order_type=OrderType.LIMIT)},
        {"entry_patience_s": 0},
    ],
)
def test_what_cannot_be_guarded_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GuardedExecutorConfig(**PLAIN | wrong)


def test_settings_are_written_without_what_was_adopted() -> None:
    entry = AdoptedOrder("1", "O1", Decimal("0.01"), datetime(2026, 1, 1, tzinfo=UTC))
    config = GuardedExecutorConfig(**PLAIN, adopted=Adopted(entry))
    written = config.model_dump_json()
    assert "adopted" not in written
    assert GuardedExecutorConfig.model_validate_json(written).adopted is None
