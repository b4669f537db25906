"""The executor that guards a position until nothing that can be sold is left."""

from hummingbot.strategy_v2.executors.executor_orchestrator import ExecutorOrchestrator

from .config import Adopted, AdoptedOrder, GuardedExecutorConfig
from .guarded import GuardedExecutor

__all__ = ["Adopted", "AdoptedOrder", "GuardedExecutor", "GuardedExecutorConfig", "install"]


def install() -> None:
    """Make Hummingbot guard positions with this executor; call before any is created."""
    ExecutorOrchestrator._executor_mapping["position_executor"] = GuardedExecutor
