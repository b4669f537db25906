"""The executors that guard this bot's positions, one a coin."""

from collections.abc import Iterator
from typing import Any

from hummingbot.strategy_v2.executors.position_executor.position_executor import PositionExecutor
from hummingbot.strategy_v2.models.base import RunnableStatus
from hummingbot.strategy_v2.models.executor_actions import (
    CreateExecutorAction,
    StopExecutorAction,
    StoreExecutorAction,
)

OWNER = "ml_signals"


class Desk:
    """Opens, stops and stores executors through Hummingbot's orchestrator."""

    def __init__(self, orchestrator: Any) -> None:
        """Begin without executors."""
        self._orchestrator = orchestrator
        self._executors: dict[str, PositionExecutor] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._executors

    def __iter__(self) -> Iterator[tuple[str, PositionExecutor]]:
        return iter(list(self._executors.items()))

    def executor(self, symbol: str) -> PositionExecutor | None:
        """Return the executor that guards this coin, None when there is none."""
        return self._executors.get(symbol)

    def open(self, symbol: str, config: Any) -> None:
        """Start an executor; `config` says what it does, or what position it adopts."""
        action = CreateExecutorAction(controller_id=OWNER, executor_config=config)
        self._orchestrator.execute_action(action)
        self._executors[symbol] = self._orchestrator.active_executors[OWNER][-1]

    def is_closing(self, symbol: str) -> bool:
        """Whether this coin's executor is leaving its position."""
        return self._executors[symbol].status is not RunnableStatus.RUNNING

    def stop(self, symbol: str, *, keep: bool) -> None:
        """Make this coin's executor leave its position, or let go of it without a sale."""
        executor = self._executors[symbol]
        if executor.status is RunnableStatus.RUNNING:
            action = StopExecutorAction(
                controller_id=OWNER, executor_id=executor.config.id, keep_position=keep
            )
            self._orchestrator.execute_action(action)

    def take_finished(self) -> list[tuple[str, PositionExecutor]]:
        """Return the executors that have ended since the last call, and let them go."""
        finished = [(symbol, executor) for symbol, executor in self if executor.is_closed]
        for symbol, executor in finished:
            del self._executors[symbol]
            self._orchestrator.execute_action(
                StoreExecutorAction(controller_id=OWNER, executor_id=executor.config.id)
            )
        return finished

    def take_all(self) -> list[tuple[str, PositionExecutor]]:
        """Return every executor, ended or not, and let them go; used when the bot stops."""
        everyone = list(self._executors.items())
        self._executors.clear()
        return everyone
