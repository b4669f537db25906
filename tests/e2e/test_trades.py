"""The real Hummingbot leaves by stop-loss, take-profit and time, on paper and with live orders."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from hummingbot_scripts.ml_signals.journal import Journal as BotJournal
from hummingbot_scripts.ml_signals.paper.store import PaperStore
from market_sim.hummingbot_launch import environment
from market_sim.kraken_exchange import Exchange
from market_sim.kraken_server import TEST_KEY, TEST_SECRET, KrakenSettings, KrakenStandIn
from market_sim.trials.bot import Bot, write_config
from market_sim.trials.publisher import Publisher, publishing
from signal_server.core.clock import utc_now
from signal_server.core.domain import Direction
from signal_server.journal.orders import BotPosition, Wanted, newest_positions
from tools.hummingbot_home import build_home

pytestmark = pytest.mark.e2e

PROJECT = Path(__file__).parents[2]
STOPPED, PROFITABLE, EXPIRING = "BTC-USD", "ETH-USD", "SOL-USD"
SYMBOLS = (STOPPED, PROFITABLE, EXPIRING)
START_PRICES = {STOPPED: 60_000.0, PROFITABLE: 3_000.0, EXPIRING: 150.0}
START_BALANCE = Decimal(10_000)
TIME_LIMIT_S = 45
SIGNAL_VALID_S = 150
PATIENCE_S = 300
EXACT = Decimal("1e-12")
TEST_KEYS = {
    "kraken_api_key": TEST_KEY,
    "kraken_secret_key": TEST_SECRET,
    "kraken_api_tier": "starter",
}


class ScriptedPrices:
    """Prices that stay where the test puts them."""

    symbols = SYMBOLS

    def __init__(self) -> None:
        self._prices = dict(START_PRICES)

    def price_at(self, symbol: str, _when: datetime) -> float:
        return self._prices[symbol]

    def move(self, symbol: str, share: float) -> None:
        self._prices[symbol] = START_PRICES[symbol] * (1 + share)


@dataclass(frozen=True, slots=True)
class Run:
    """A started bot, the server that it follows and the exchange that it trades on."""

    bot: Bot
    publisher: Publisher
    exchange: Exchange


async def eventually(condition: Callable[[], bool], bot: Bot, what: str) -> None:
    """Wait until `condition` holds; when it does not, the bot's log says why."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 (what is awaited happens in other processes)
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen:\n{await bot.status()}\n{bot.log()}") from None


def bot_settings(mode: str, server: str) -> dict[str, Any]:
    """Return the shipped settings with this test's symbols and short barriers."""
    path = PROJECT / "conf" / "scripts" / f"conf_ml_signal_{mode}.yml"
    return yaml.safe_load(path.read_text()) | {
        "symbols": list(SYMBOLS),
        "server": server,
        "stop_loss": 0.02,
        "take_profit": 0.02,
        "time_limit_s": TIME_LIMIT_S,
        "i_understand_this_trades_real_money": True,
    }


async def enter_all(run: Run) -> None:
    """Publish an UP for every coin and wait until all entries are filled."""
    publisher = run.publisher
    await eventually(lambda: publisher.hub.subscribers == 1, run.bot, "the subscription")
    for symbol in SYMBOLS:
        publisher.publish(symbol, Direction.UP, START_PRICES[symbol], SIGNAL_VALID_S)

    def entered() -> bool:
        return {p.symbol for p in logged_positions(run)} == set(SYMBOLS)

    await eventually(entered, run.bot, "the entries")


def logged_positions(run: Run) -> list[BotPosition]:
    """Return what the server's trade log says."""
    return newest_positions(run.publisher.journal, Wanted())


def exit_reasons(run: Run) -> dict[str, str | None]:
    """Return why each complete position was left."""
    return {p.symbol: p.exit_reason for p in logged_positions(run) if p.closed}


def check(run: Run, mode: str) -> None:
    """Each coin was traded once, left for its reason, and the money adds up."""
    positions = logged_positions(run)
    by_symbol = {position.symbol: position for position in positions}
    assert len(positions) == len(by_symbol) == len(SYMBOLS)
    assert exit_reasons(run) == {
        STOPPED: "STOP_LOSS",
        PROFITABLE: "TAKE_PROFIT",
        EXPIRING: "TIME_LIMIT",
    }
    orders = run.publisher.journal.query("SELECT * FROM hummingbot_trades")
    assert len(orders) == 2 * len(SYMBOLS)
    assert {order["status"] for order in orders} == {"FILLED"}
    assert {order["mode"] for order in orders} == {mode}
    for position in positions:
        gain = (position.exit_price - position.entry_price) * position.amount - position.fees
        assert position.pnl == pytest.approx(gain, abs=EXACT)
        assert position.fees == pytest.approx(Decimal("0.52"), rel=Decimal("0.05"))
    assert by_symbol[STOPPED].pnl < 0 < by_symbol[PROFITABLE].pnl


@asynccontextmanager
async def kraken(prices: ScriptedPrices) -> AsyncIterator[tuple[Exchange, dict[str, str]]]:
    """Run the stand-in; yield its ledger and the environment that sends Hummingbot to it."""
    stand_in = KrakenStandIn(prices, KrakenSettings(), utc_now)
    addresses = await stand_in.start()
    try:
        yield stand_in.exchange, environment(*astuple(addresses))
    finally:
        await stand_in.stop()


@asynccontextmanager
async def trading(mode: str, folder: Path, prices: ScriptedPrices) -> AsyncIterator[Run]:
    """Run the signal server, the stand-in of Kraken and a started bot."""
    configs = folder / "configs"
    configs.mkdir()
    home = build_home(folder / "home", script_configs=configs)
    async with (
        publishing(folder / "signals.sqlite", SYMBOLS) as publisher,
        kraken(prices) as (exchange, redirection),
    ):
        bot = Bot(home, redirection)
        await write_config(configs / "conf_e2e.yml", bot_settings(mode, publisher.address))
        try:
            if mode == "live":
                await bot.connect("kraken", TEST_KEYS)
            await bot.start("conf_e2e.yml")
            yield Run(bot, publisher, exchange)
        finally:
            bot.kill()


def check_ledger(run: Run) -> None:
    """The exchange's own books say the same as the trade log."""
    assert len(run.exchange.orders) == 2 * len(SYMBOLS)
    held = {asset for asset, amount in run.exchange.balances.items() if amount}
    assert held == {"ZUSD"}
    gained = run.exchange.balances["ZUSD"] - START_BALANCE
    logged = sum(position.pnl or Decimal(0) for position in logged_positions(run))
    assert logged == pytest.approx(gained, abs=EXACT)


def check_paper_account(run: Run) -> None:
    """The paper account says the same as the trade log, and the exchange has heard of nothing."""
    account = PaperStore(run.bot.home.data / "paper_account_kraken.sqlite").load()
    assert not run.exchange.orders
    assert len(account.orders) == 2 * len(SYMBOLS)
    assert {asset for asset, amount in account.balances.items() if amount} == {"USD"}
    logged = sum(position.pnl or Decimal(0) for position in logged_positions(run))
    assert logged == pytest.approx(account.balances["USD"] - START_BALANCE, abs=EXACT)


@pytest.mark.parametrize("mode", ["paper", "live"])
async def test_the_bot_leaves_by_stop_profit_and_time_and_the_log_holds_each_once(
    mode: str, tmp_path: Path
) -> None:
    prices = ScriptedPrices()
    async with trading(mode, tmp_path, prices) as run:
        await enter_all(run)
        prices.move(STOPPED, -0.04)
        prices.move(PROFITABLE, +0.04)
        await eventually(lambda: len(exit_reasons(run)) == len(SYMBOLS), run.bot, "the exits")
        await run.bot.stop()
        check(run, mode)
        if mode == "live":
            check_ledger(run)
        else:
            check_paper_account(run)
    assert BotJournal(run.bot.home.data / f"ml_signals_{mode}.sqlite").count_waiting() == 0


async def test_a_down_closes_its_coin_and_a_graceful_stop_the_others(tmp_path: Path) -> None:
    async with trading("paper", tmp_path, ScriptedPrices()) as run:
        await enter_all(run)
        run.publisher.publish(STOPPED, Direction.DOWN, START_PRICES[STOPPED], SIGNAL_VALID_S)
        await eventually(lambda: STOPPED in exit_reasons(run), run.bot, "the exit on DOWN")
        assert "ML signals (paper)" in await run.bot.status()
        await run.bot.stop()
        assert exit_reasons(run) == {
            STOPPED: "SIGNAL_DOWN",
            PROFITABLE: "EARLY_STOP",
            EXPIRING: "EARLY_STOP",
        }
