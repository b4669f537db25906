"""GuardedExecutor on CarefulKraken against the stand-in of Kraken, over sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.strategy_v2.executors.position_executor.data_types import (
    TrailingStop,
    TripleBarrierConfig,
)
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals.executor import (
    Adopted,
    AdoptedOrder,
    GuardedExecutor,
    GuardedExecutorConfig,
)
from hummingbot_scripts.ml_signals.trades import Fill
from market_sim.faults import FaultSwitch
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_orders import Order, Trade
from tests.hummingbot_scripts.kraken.trading import (
    PAIR,
    QuickKraken,
    Trading,
    eventually,
    trading,
)

AMOUNT = Decimal("0.01")
PRICE = 60_000.0
QUICK: dict[str, Any] = {
    "entry_patience_s": 0.6,
    "exit_patience_s": 1.0,
    "cancel_patience_s": 0.5,
    "cancel_again_s": 0.5,
    "first_retry_s": 0.05,
    "longest_retry_s": 0.1,
    "trouble_after_s": 0.5,
}


class OnePair(QuickKraken):
    """Knows one pair: Hummingbot takes a second for each when it starts."""

    def __init__(self, *args: Any, trading_pairs: list[str], **named: Any) -> None:
        super().__init__(*args, trading_pairs=trading_pairs[:1], **named)


class Script:
    """What the executor needs of a strategy: it forwards orders, and notes what is announced."""

    def __init__(self, connector: Any) -> None:
        self.connectors = {"kraken": connector}
        self.announced: list[tuple[Any, ...]] = []
        self.fails = 0

    @property
    def current_timestamp(self) -> float:
        return float(self.connectors["kraken"].current_timestamp)

    def buy(self, name: str, pair: str, amount: Decimal, kind: OrderType, *rest: Any) -> str:
        order_id = str(self.connectors[name].buy(pair, amount, kind, rest[0]))
        self._maybe_fail()
        return order_id

    def sell(self, name: str, pair: str, amount: Decimal, kind: OrderType, *rest: Any) -> str:
        order_id = str(self.connectors[name].sell(pair, amount, kind, rest[0]))
        self._maybe_fail()
        return order_id

    def _maybe_fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise OSError("the journal's disk is full")

    def cancel(self, name: str, pair: str, order_id: str) -> None:
        self.connectors[name].cancel(pair, order_id)

    def journal_protective(self, *announced: Any) -> None:
        self.announced.append(announced)


@dataclass
class Guarding:
    """A market, a bot's executor in it, and what the account had at the start."""

    run: Trading
    script: Script
    start: dict[str, Decimal]
    executors: list[GuardedExecutor] = field(default_factory=list)

    @property
    def exchange(self) -> Exchange:
        return self.run.kraken.exchange

    @property
    def faults(self) -> FaultSwitch:
        return self.run.kraken.faults

    def move(self, share: float) -> None:
        self.run.prices.prices[PAIR] = PRICE * (1 + share)

    def guard(self, timestamp: float | None = None, **given: Any) -> GuardedExecutor:
        """Start an executor with a stop at -2 % and a take-profit at +2 %."""
        barriers: dict[str, Any] = {
            "stop_loss": Decimal("0.02"),
            "take_profit": Decimal("0.02"),
            "time_limit": given.pop("time_limit", 600),
            "trailing_stop": given.pop("trailing_stop", None),
            "open_order_type": OrderType.MARKET,
        }
        config = GuardedExecutorConfig(
            timestamp=timestamp or self.script.current_timestamp,
            connector_name="kraken",
            trading_pair=PAIR,
            side=TradeType.BUY,
            entry_price=Decimal(PRICE),
            amount=given.pop("amount", AMOUNT),
            triple_barrier_config=TripleBarrierConfig(**barriers),
            **QUICK | given,
        )
        executor = GuardedExecutor(self.script, config, update_interval=0.05)
        executor.start()
        self.executors.append(executor)
        return executor

    async def opened(self, **given: Any) -> GuardedExecutor:
        """Start an executor and wait for its entry."""
        executor = self.guard(**given)
        await eventually(lambda: executor.open_filled_amount == given.get("amount", AMOUNT))
        return executor

    async def closed(self, executor: GuardedExecutor) -> CloseType:
        await eventually(lambda: executor.is_closed)
        assert executor.close_type is not None
        return executor.close_type

    @property
    def gained(self) -> Decimal:
        """What the account has more in quote currency than at the start."""
        return self.exchange.balances["ZUSD"] - self.start["ZUSD"]

    @property
    def coins(self) -> Decimal:
        """What the account has more in coins than at the start."""
        zero = Decimal(0)
        return self.exchange.balances.get("XXBT", zero) - self.start.get("XXBT", zero)

    def orders(self, *, buy: bool) -> list[Order]:
        return [order for order in self.exchange.orders.values() if order.buy is buy]

    def agree(self, executor: GuardedExecutor) -> None:
        """Hold the executor's profit and fees against the exchange's books."""
        assert executor.get_net_pnl_quote() == self.gained
        assert executor.get_cum_fees_quote() == sum(trade.fee for trade in self.exchange.trades)


@asynccontextmanager
async def guarding(monkeypatch: pytest.MonkeyPatch, **named: Any) -> AsyncIterator[Guarding]:
    """Run a market with a connector; every executor is ended with it."""
    async with trading(monkeypatch, **{"kind": OnePair, **named}) as run:
        start = dict(run.kraken.exchange.balances)
        setup = Guarding(run, Script(run.connector), start)
        try:
            yield setup
        finally:
            for executor in setup.executors:
                executor.stop()
            await asyncio.sleep(0)


def remembered(trade: Trade, order_id: str) -> Fill:
    return Fill(order_id, trade.id, trade.price, trade.size, trade.fee, trade.at)


def adopted_order(setup: Guarding, order: Order, opened_at: datetime | None = None) -> AdoptedOrder:
    """Return what recovery would find of an order at the exchange."""
    order_id = str(order.wanted.userref)
    return AdoptedOrder(
        order_id=order_id,
        txid=order.id,
        amount=order.wanted.size,
        created_at=opened_at or order.opened_at,
        fills=tuple(
            remembered(trade, order_id)
            for trade in setup.exchange.trades
            if trade.order_id == order.id
        ),
        live=order.live,
    )


__all__ = ["AMOUNT", "PAIR", "Adopted", "Guarding", "TrailingStop", "eventually", "guarding"]
