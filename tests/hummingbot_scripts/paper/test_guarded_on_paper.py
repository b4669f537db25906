"""The bot's own executor guards positions on paper as it does live."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hummingbot.client.settings import AllConnectorSettings
from hummingbot.strategy_v2.models.executors import CloseType

from hummingbot_scripts.ml_signals.executor import GuardedExecutor
from hummingbot_scripts.ml_signals.paper.connector import PaperKraken
from market_sim.kraken_book import BookShape
from market_sim.kraken_server import KrakenSettings
from tests.hummingbot_scripts.executor.guarding import AMOUNT, Guarding, eventually, guarding

START = Decimal(10_000)


@pytest.fixture
def on_paper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[PaperKraken]:
    """Return a connector class that is built like the live one."""
    schema = AllConnectorSettings.get_connector_settings()["kraken"].trade_fee_schema
    monkeypatch.setattr(schema, "taker_percent_fee_decimal", Decimal("0.0026"))

    class OnPaper(PaperKraken):
        TICKER_S = 0.3

        def __init__(self, *_keys: str, trading_pairs: list[str], **_named: Any) -> None:
            super().__init__(trading_pairs, tmp_path / "paper.sqlite")
            self.set_balance("USD", START)

    return OnPaper


def check(market: Guarding, executor: GuardedExecutor) -> None:
    """Nothing is held, nothing rests, and the executor's profit is the account's to the digit."""
    account = market.run.connector.paper
    assert not account.live_orders
    assert not account.balances.get("BTC")
    assert executor.get_net_pnl_quote() == account.balances["USD"] - START
    assert executor.get_cum_fees_quote() == sum(t.fee for t in account.trades.values())
    assert not market.exchange.orders


@pytest.mark.parametrize(
    ("move", "close_type"), [(-0.05, CloseType.STOP_LOSS), (0.05, CloseType.TAKE_PROFIT)]
)
async def test_a_position_is_left_by_its_barrier(
    monkeypatch: pytest.MonkeyPatch,
    on_paper: type[PaperKraken],
    move: float,
    close_type: CloseType,
) -> None:
    async with guarding(monkeypatch, kind=on_paper) as market:
        executor = await market.opened()
        market.move(move)
        assert await market.closed(executor) is close_type
        check(market, executor)


async def test_a_resting_stop_that_triggers_first_ends_the_position(
    monkeypatch: pytest.MonkeyPatch, on_paper: type[PaperKraken]
) -> None:
    async with guarding(monkeypatch, kind=on_paper) as market:
        executor = await market.opened(protective_margin=Decimal("0.01"))
        account = market.run.connector.paper
        await eventually(lambda: bool(account.live_orders))
        market.move(-0.10)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        sold = [o for o in account.orders.values() if not o.wanted.buys]
        assert sum(order.filled for order in sold) == AMOUNT
        check(market, executor)


async def test_what_a_thin_book_leaves_is_sold_as_the_book_refills(
    monkeypatch: pytest.MonkeyPatch, on_paper: type[PaperKraken]
) -> None:
    thin = KrakenSettings(book=BookShape(levels=4, level_quote=400.0, churn_s=1.0))
    async with guarding(monkeypatch, kind=on_paper, settings=thin) as market:
        executor = await market.opened(amount=Decimal("0.05"), entry_patience_s=10.0)
        market.move(-0.05)
        assert await market.closed(executor) is CloseType.STOP_LOSS
        assert len(market.run.connector.paper.trades) > 8
        check(market, executor)
