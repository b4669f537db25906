"""The real Hummingbot, killed in the middle of its positions, takes them up again."""

from decimal import Decimal
from pathlib import Path

import pytest

from hummingbot_scripts.ml_signals.journal import Journal as BotJournal
from tests.e2e.test_trades import (
    EXPIRING,
    PROFITABLE,
    START_BALANCE,
    STOPPED,
    SYMBOLS,
    ScriptedPrices,
    enter_all,
    eventually,
    exit_reasons,
    logged_positions,
    trading,
)

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("mode", ["live", "paper"])
async def test_a_killed_bot_finds_its_positions_and_leaves_them_as_planned(
    mode: str, tmp_path: Path
) -> None:
    prices = ScriptedPrices()
    async with trading(mode, tmp_path, prices) as run:
        await enter_all(run)
        entered = {p.symbol: p.entry_price for p in logged_positions(run)}
        run.bot.kill()
        prices.move(STOPPED, -0.04)
        await run.bot.start("conf_e2e.yml")
        await eventually(lambda: STOPPED in exit_reasons(run), run.bot, "the stop after a kill")
        prices.move(PROFITABLE, +0.04)
        await eventually(lambda: len(exit_reasons(run)) == len(SYMBOLS), run.bot, "the exits")
        await run.bot.stop()
        positions = logged_positions(run)
        assert exit_reasons(run) == {
            STOPPED: "STOP_LOSS",
            PROFITABLE: "TAKE_PROFIT",
            EXPIRING: "TIME_LIMIT",
        }
        assert {p.symbol: p.entry_price for p in positions} == entered
        assert len(run.publisher.journal.query("SELECT * FROM hummingbot_trades")) == 6
        if mode == "live":
            assert len(run.exchange.orders) == 6
            gained = run.exchange.balances["ZUSD"] - START_BALANCE
            with_pnl = BotJournal(run.bot.home.data / f"ml_signals_{mode}.sqlite")
            logged = sum((pnl for _, pnl in with_pnl.recent_results(10)), Decimal(0))
            assert logged == gained
